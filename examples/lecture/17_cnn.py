"""17. A convolutional network: layers that find features, then a dense layer that decides.

    image -> (Conv + ReLU) x 3 -> dense -> ten scores, one for each digit

The first layer's maps answer to strokes and edges, the next ones to combinations of these; the dense layer weighs
them. Trained on real handwritten digits and judged on others.
"""

import fastdl as fd
from fastdl import datasets, nn, optim


def numbers():
    X, y = datasets.mnist5k()
    X_train, X_test, y_train, y_test = datasets.train_test_split(X, y, test_size=0.2, seed=0)
    fd.seed(0)
    features = [
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3),
        nn.ReLU(),
    ]
    model = nn.Sequential(*features, nn.Flatten(), nn.Dense(16 * 10 * 10, 10))
    history = model.fit(X_train, y_train, optimizer=optim.Adam(3e-3), epochs=3, seed=0, progress=False)
    maps, a = [], X_test[:1]
    for layer in features:
        a = layer(a)
        if isinstance(layer, nn.ReLU):
            maps.append(a[0])
    scores = model.evaluate(X_test, y_test)
    label = int(model.predict(X_test[:1])[0])
    found = {"model": model, "loss": history["loss"], "scores": scores}
    return found | {"maps": maps, "image": X_test[0, 0], "label": label}


def tell(found):
    print(found["model"].summary())
    print("loss of each pass:", [round(loss, 3) for loss in found["loss"]])
    print(f"accuracy on 1,000 digits that it has not seen: {found['scores']['accuracy']:.3f}")
    print("feature maps of one image:", [m.shape for m in found["maps"]], "answer:", found["label"])


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots(3, 9)
    for row, maps in zip(axes, found["maps"], strict=True):
        for ax, image in zip(row, [found["image"], *maps], strict=False):
            ax.imshow(image, cmap="gray")
            ax.axis("off")
    figure.suptitle(f"the image, and eight feature maps of each layer; answer: {found['label']}")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)

"""2. The decision rule: class 1 if the probability is greater than tau, else class 0.

    class = 1 if probability > tau else 0        (a probability of exactly tau is class 0)

A low tau misses few of the ill (sensitivity) and alarms many of the healthy (specificity falls). Moving tau moves
along the ROC curve; the curve itself and the area under it, the chance that an ill person gets a higher probability
than a healthy one, stay as they are.
"""

import numpy as np

import fastdl as fd
from fastdl import datasets, nn
from fastdl import functional as F

TAUS = (0.1, 0.3, 0.5, 0.7, 0.9)


def decide(probability, tau):
    return (np.asarray(probability) > tau).astype(int)


def confusion(truth, probability, tau):
    """Rows: truly 0, truly 1; columns: called 0, called 1."""
    return np.bincount(2 * truth + decide(probability, tau), minlength=4).reshape(2, 2)


def area(truth, score):
    """How often a score of class 1 is above one of class 0, ties counted half: the area under the ROC curve."""
    differences = score[truth == 1][:, None] - score[truth == 0]
    return float(np.mean((differences > 0) + 0.5 * (differences == 0)))


def numbers():
    """The two patients at tau = 0.5, and one neuron on real tumours (class 1: malignant) at several thresholds."""
    X, weight, bias = datasets.stroke_patients()
    patients = F.sigmoid(F.dense(X, weight[None], np.array([bias])))[:, 0]
    found = {"classes": decide(patients, 0.5).tolist(), "at tau": int(decide(0.5, 0.5))}
    X, benign = datasets.breast_cancer()
    X_train, X_test, y_train, y_test = datasets.train_test_split(X, 1 - benign, test_size=0.5, seed=0)
    mean, spread = X_train.mean(0), X_train.std(0)
    fd.seed(0)
    model = nn.Dense(30, 1)
    model.fit((X_train - mean) / spread, y_train, loss="bce_with_logits", epochs=20, seed=0, progress=False)
    z = model((X_test - mean) / spread)[:, 0].astype(np.float64)
    found |= {"truth": y_test, "probability": F.sigmoid(z)}
    found["tables"] = [confusion(y_test, found["probability"], tau) for tau in TAUS]
    # Moving tau is the same as moving the bias by -log(tau / (1 - tau)) and deciding at one half.
    found["areas"] = [area(y_test, z - np.log(tau / (1 - tau))) for tau in TAUS]
    return found


def tell(found):
    print(f"classes of patients 1 and 2 at tau = 0.5: {found['classes']}", end="; ")
    print(f"a probability of just tau: class {found['at tau']}")
    for tau, table, under in zip(TAUS, found["tables"], found["areas"], strict=True):
        (tn, fp), (fn, tp) = table.tolist()
        print(f"tau {tau}: TN {tn:3} FP {fp:2} FN {fn:2} TP {tp:3}", end="  ")
        print(f"sensitivity {tp / (tp + fn):.3f}  specificity {tn / (tn + fp):.3f}  area under the ROC {under:.4f}")


def picture(found):
    from matplotlib.figure import Figure

    truth, p = found["truth"], found["probability"]
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    cuts = [0, *np.sort(p), 1]
    axes.plot([np.mean(p[truth == 0] > c) for c in cuts], [np.mean(p[truth == 1] > c) for c in cuts])
    for tau in TAUS:
        axes.plot(np.mean(p[truth == 0] > tau), np.mean(p[truth == 1] > tau), "o", label=f"tau = {tau}")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=f"area {found['areas'][0]:.4f} whatever tau is")
    axes.legend()
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)

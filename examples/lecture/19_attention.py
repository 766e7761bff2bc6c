"""19. Attention, second half: scores become weights, weights mix what the words mean.

    a = softmax(scale q . k_i);    context c = sum of a_i v_i;    answer = softmax(W c)

The weights lie between 0 and 1 and sum to 1. Asked for the symptom, the clinical note's word "headache" gets 0.75 of
them; its value therefore makes up most of the context, and the prediction layer answers "headache". The slides give
the weights only; the vectors come with fastdl. Asked for the medicine, the same note gives another answer.
"""

from fastdl import datasets
from fastdl import functional as F

LECTURE = (0.02, 0.05, 0.03, 0.01, 0.75, 0.02, 0.03, 0.05, 0.02, 0.02)


def ask(query):
    note = datasets.clinical_note(query)
    context, weights = F.attention(note.query, note.keys, note.values, scale=1, return_weights=True)
    chances = F.softmax(F.dense(context, note.weight))[0]
    answer = note.answers[int(chances.argmax())]
    return {"words": note.words, "weights": weights[0], "context": context[0], "chances": chances, "answer": answer}


def numbers():
    return {query: ask(query) for query in ("symptom", "medicine")}


def tell(found):
    for query, row in found.items():
        print(f"query: {query}")
        for word, weight in zip(row["words"], row["weights"], strict=True):
            print(f"  {word:10} {weight:.2f} {'#' * round(60 * weight)}")
        print(f"  sum {row['weights'].sum():.2f}; context {row['context'].round(2).tolist()}")
        print(f"  answer: {row['answer']} ({row['chances'].max():.2f})")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.subplots()
    table = [row["weights"] for row in found.values()]
    axes.imshow(table, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(10), found["symptom"]["words"], rotation=30)
    axes.set_yticks(range(2), list(found))
    for i, row in enumerate(table):
        for j, weight in enumerate(row):
            axes.text(j, i, f"{weight:.2f}", ha="center", va="center", color="white" if weight > 0.5 else "black")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)

"""Makes tf.tfrecord, tf.tfrecord.gz, tf.txt and written.tfrecord with TensorFlow 2.15.1: `python make_tfrecord.py`."""

import os

import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))


def ints(*values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def floats(*values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def texts(*values):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode() for value in values]))


def example(**features):
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


def write(name, examples, compression=""):
    with tf.io.TFRecordWriter(os.path.join(HERE, name), compression) as writer:
        for record in examples:
            writer.write(record)


records, lines = [], []
for i in range(50):
    features = {
        "id": ints((i - 25) * 2**50),
        "price": floats(i / 8 - 1),
        "city": texts(["Bern", "Zürich", "東京"][i % 3]),
        "tags": texts(*[f"t{j}" for j in range(i % 4)]),
        "history": ints(*[(-1) ** j * (i + j) * 10**15 for j in range(i % 3 + 1)]),
        "vector": floats(0.5, 1.5, float(i)),
    }
    if i % 5 == 0:
        features["maybe"] = floats(float(i))
    if i % 5 == 1:
        features["maybe"] = tf.train.Feature()
    records.append(example(**features))
    tags = features["tags"].bytes_list.value
    history = features["history"].int64_list.value
    lines.append(
        "|".join(
            [
                str(features["id"].int64_list.value[0]),
                str(features["price"].float_list.value[0]),
                features["city"].bytes_list.value[0].decode(),
                "" if not tags else "[" + ", ".join(tag.decode() for tag in tags) + "]",
                "[" + ", ".join(map(str, history)) + "]",
                str(float(i)) if i % 5 == 0 else "",
            ]
        )
    )

write("tf.tfrecord", records)
write("tf.tfrecord.gz", records, "GZIP")
with open(os.path.join(HERE, "tf.txt"), "w", encoding="utf-8") as file:
    file.write("\n".join(lines) + "\n")

write(
    "written.tfrecord",
    [example(a=ints(-1), b=floats(0.5, 2.0)), example(a=tf.train.Feature()), example(a=texts("x"))],
)

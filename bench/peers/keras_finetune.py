"""Time of a fine-tuning step in Keras on TensorFlow."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf

import keras_network
import peers


def main():
    args = peers.finetune_arguments(__doc__).parse_args()
    images = peers.read_safetensors(args.images)["images"]
    labels = keras.utils.to_categorical(peers.labels_of(images), 2)
    _, model = keras_network.vgg16()
    keras_network.set_weights(model, peers.read_safetensors(args.model))
    for layer in model.layers:
        layer.trainable = peers.trains(layer.name, args.unfrozen)
    model.compile(optimizer=keras.optimizers.Adam(1e-5), loss="categorical_crossentropy")
    batch = tf.constant(images), tf.constant(labels)
    # train_on_batch gives the mean of the losses since the last reset.
    def step():
        model.reset_metrics()
        return model.train_on_batch(*batch)

    version = f"Keras {keras.__version__}, TensorFlow {tf.__version__}"
    peers.time_steps(step, args, len(images), side="Keras", version=version, threads=os.cpu_count())


if __name__ == "__main__":
    main()

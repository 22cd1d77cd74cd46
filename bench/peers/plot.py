"""The plot of bench/peers/run.sh: how many times as fast cxrnet is."""

COLOURS = ("#56b4e9", "#0072b2", "#003a5c", "#e69f00")


def bars(panel, groups, series, values, title):
    """`values[series][group]` is a ratio with its rounds, or None; whiskers are the range of the rounds."""
    width = 0.8 / len(series)
    for index, name in enumerate(series):
        for group, ratio in enumerate(values[index]):
            if ratio is None or ratio["median"] is None:
                continue
            middle, place = ratio["median"], group + (index - (len(series) - 1) / 2) * width
            below, above = middle - min(ratio["rounds"]), max(ratio["rounds"]) - middle
            panel.bar(place, middle, 0.92 * width, color=COLOURS[index], yerr=[[below], [above]], error_kw={"lw": 0.8})
            panel.annotate(f"{middle:.2f}", (place, middle + above), ha="center", va="bottom", fontsize=7, rotation=90,
                           xytext=(0, 3), textcoords="offset points")
        panel.bar(0, 0, color=COLOURS[index], label=name)
    panel.axhline(1, color="black", lw=0.8)
    panel.set_xticks(range(len(groups)), groups)
    panel.set_title(title, fontsize=10)
    panel.set_ylabel("times as fast")
    panel.margins(y=0.15)
    panel.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        panel.legend(frameon=False, fontsize=8)


def draw(result, machine, path):
    """Writes path.svg and path.png."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "cxrnet"
    import matplotlib.pyplot as plt

    names = {"keras": "Keras", "torch": "PyTorch", "onnxruntime": "ONNX\nRuntime", "openvino": "OpenVINO\nf32"}
    panels = []
    if "forward" in result:
        batches = list(result["forward"]["images_per_second"]["cxrnet"])
        keys = [f"f32_vs_{peer}" for peer in (*names, "fma_peak")] + ["int8_vs_openvino", "int8_vs_openvino_int8"]
        labels = [*names.values(), "FMA\npeak", "int8 against\nOpenVINO f32", "int8 against\nOpenVINO int8"]
        shown = [index for index, key in enumerate(keys) if f"{key}_batch8" in result]
        values = [[result[f"{keys[index]}_batch{batch}"] for index in shown] for batch in batches]
        panels.append(([labels[index] for index in shown], [f"batch {batch}" for batch in batches], values,
                       "Forward of the whole network, cxrnet f32 against"))
    if "job" in result:
        ran = [name for name in (*names, "openvino-int8") if f"job_f32_vs_{name}" in result]
        values = [[result.get(f"job_{precision}_vs_{name}") for name in ran] for precision in ("f32", "int8")]
        precisions = [index for index in range(2) if any(ratio and ratio["median"] for ratio in values[index])]
        panels.append(([{**names, "openvino-int8": "OpenVINO\nint8"}[name] for name in ran],
                       [("cxrnet f32", "cxrnet int8")[index] for index in precisions],
                       [values[index] for index in precisions],
                       f"The job, {result['job']['epochs']} epochs, start-up included, against"))
    widths = [max(2, len(groups)) for groups, *_ in panels]
    size = (2 + 1.4 * sum(widths), 4.2)
    figure, axes = plt.subplots(1, len(panels), figsize=size, width_ratios=widths, squeeze=False)
    for panel, content in zip(axes[0], panels):
        bars(panel, *content)
    figure.text(0.01, 0.01, f"{machine}. {result['threads']} threads on every side.", fontsize=7, color="#444444")
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.savefig(f"{path}.svg", metadata={"Date": None})
    figure.savefig(f"{path}.png", dpi=150)

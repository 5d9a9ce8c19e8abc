"""Feature tables and arrays -> trained models and their predictions.

Needs: data/manifest/, data/features/, data/standardized/. Makes: models/<dataset>/<model>/.
Usual steps: one training job and one prediction job per model; for networks one that checks the training.
"""


rule train_classical:
    """Fit one classical model on the training images' features."""
    input:
        tables=lambda wildcards: model_inputs(wildcards.model),
        manifest="data/manifest/{dataset}/manifest.parquet",
        classes="data/manifest/{dataset}/classes.json",
        code=lambda wildcards: model_sources("evenlight.stages.train", wildcards.model),
    output:
        model=ensure("models/{dataset}/{model}/model.skops", non_empty=True),
        description=ensure("models/{dataset}/{model}/model.json", non_empty=True),
    log:
        "logs/train_classical/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/train_classical/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(CLASSICAL) or "(?!)",
    threads: 1
    params:
        options=lambda wildcards: as_json(config["models"][wildcards.model]),
        families=lambda wildcards: as_json(families(wildcards.model)),
        search=as_json(config["search"]),
        region=as_json(config["region"]),
        standardize=as_json(config["standardize"]),
        seed=lambda wildcards: model_seed(wildcards.model),
        features="data/features/{dataset}",
        folder=lambda wildcards, output: os.path.dirname(output.model),
        lock=lock_hash(),
    message:
        "Fitting {wildcards.model} on {wildcards.dataset}"
    shell:
        "evenlight train {wildcards.model} --options {params.options:q}"
        " --families {params.families:q} --region {params.region:q}"
        " --standardize {params.standardize:q} --seed {params.seed} --manifest {input.manifest:q} --classes {input.classes:q}"
        " --features {params.features:q} --search {params.search:q}"
        " --folder {params.folder:q} 2>&1 | tee {log:q}"


rule train_network:
    """Train one network on the standardized training images."""
    input:
        images=image_shards(),
        manifest="data/manifest/{dataset}/manifest.parquet",
        classes="data/manifest/{dataset}/classes.json",
        code=lambda wildcards: model_sources(
            "evenlight.stages.train_network", wildcards.model
        ),
    output:
        model=ensure("models/{dataset}/{model}/model.safetensors", non_empty=True),
        description=ensure("models/{dataset}/{model}/model.json", non_empty=True),
        history=ensure("models/{dataset}/{model}/history.csv", non_empty=True),
    log:
        "logs/train_network/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/train_network/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(NETWORKS) or "(?!)",
    # first in line: it takes longest, and everything else fits beside it
    priority: 10
    threads: lambda wildcards: config["models"][wildcards.model]["threads"]
    params:
        options=lambda wildcards: as_json(config["models"][wildcards.model]),
        region=as_json(config["region"]),
        standardize=as_json(config["standardize"]),
        seed=lambda wildcards: model_seed(wildcards.model),
        images="data/standardized/{dataset}",
        folder=lambda wildcards, output: os.path.dirname(output.model),
        lock=lock_hash(),
    message:
        "Training the network {wildcards.model} on {wildcards.dataset}"
    shell:
        "evenlight train {wildcards.model} --options {params.options:q}"
        " --region {params.region:q} --standardize {params.standardize:q}"
        " --seed {params.seed} --manifest {input.manifest:q} --classes {input.classes:q}"
        " --images {params.images:q} --folder {params.folder:q} 2>&1 | tee {log:q}"


rule check_training:
    """Has a network learned, by heart or in general, and how sure is it?"""
    input:
        images=image_shards(),
        model="models/{dataset}/{model}/model.safetensors",
        description="models/{dataset}/{model}/model.json",
        history="models/{dataset}/{model}/history.csv",
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=lambda wildcards: model_sources(
            "evenlight.stages.check_training", wildcards.model
        ),
    output:
        checks=ensure("models/{dataset}/{model}/checks.json", non_empty=True),
    log:
        "logs/check_training/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/check_training/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(NETWORKS) or "(?!)",
    threads: 1
    params:
        model=lambda wildcards, input: os.path.dirname(input.description),
        images="data/standardized/{dataset}",
    message:
        "Checking what {wildcards.model} learned of {wildcards.dataset}"
    shell:
        "evenlight check-training {params.model:q} --manifest {input.manifest:q}"
        " --images {params.images:q} --target {output.checks:q} > {log:q} 2>&1"


rule predict:
    """Score every usable image of every split."""
    input:
        model=lambda wildcards: model_file(wildcards.model),
        description="models/{dataset}/{model}/model.json",
        data=lambda wildcards: model_inputs(wildcards.model),
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=lambda wildcards: model_sources(
            "evenlight.stages.predict", wildcards.model
        ),
    output:
        table=ensure("models/{dataset}/{model}/predictions.parquet", non_empty=True),
    log:
        "logs/predict/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/predict/{dataset}/{model}.tsv"
    threads: 1
    params:
        folder=lambda wildcards, output: os.path.dirname(output.table),
        features="data/features/{dataset}",
        images="data/standardized/{dataset}",
    message:
        "Predicting {wildcards.dataset} with {wildcards.model}"
    shell:
        "evenlight predict {params.folder:q} --manifest {input.manifest:q}"
        " --features {params.features:q} --images {params.images:q}"
        " --table {output.table:q} > {log:q} 2>&1"

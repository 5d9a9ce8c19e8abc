"""Feature tables and models -> pictures in two dimensions, decision boundaries, what models lean on.

Needs: data/features/, data/standardized/, models/. Makes: results/<dataset>/embeddings/ and files in
results/<dataset>/<model>/.
Usual steps: one job for the feature table, one per network; one per model on one or two columns, one per model on
several families.
"""


rule embed_features:
    """PCA and t-SNE of the feature table that params.yaml names."""
    input:
        tables=feature_shards(lookup("embed/features", within=config, default=[])),
        manifest="data/manifest/{dataset}/manifest.parquet",
        classes="data/manifest/{dataset}/classes.json",
        code=sources("evenlight.stages.embed"),
    output:
        facts=ensure("results/{dataset}/embeddings/features.json", non_empty=True),
        table=ensure("results/{dataset}/embeddings/features.parquet", non_empty=True),
        pca=report(
            "results/{dataset}/embeddings/features_pca.png",
            caption="../report/embedding.rst",
            category="Embeddings",
            subcategory="{dataset}",
            labels={"space": "features", "figure": "PCA"},
        ),
        tsne=report(
            "results/{dataset}/embeddings/features_tsne.png",
            caption="../report/embedding.rst",
            category="Embeddings",
            subcategory="{dataset}",
            labels={"space": "features", "figure": "t-SNE"},
        ),
    log:
        "logs/embed_features/{dataset}.log",
    benchmark:
        "logs/benchmarks/embed_features/{dataset}.tsv"
    threads: 1
    params:
        features="data/features/{dataset}",
        families=as_json(lookup("embed/features", within=config, default=[])),
        settings=as_json(config["embed"]),
        folder=lambda wildcards, output: os.path.dirname(output.facts),
    message:
        "Drawing PCA and t-SNE of the features of {wildcards.dataset}"
    shell:
        "evenlight embed --manifest {input.manifest:q} --classes {input.classes:q}"
        " --features {params.features:q} --families {params.families:q}"
        " --settings {params.settings:q} --folder {params.folder:q} > {log:q} 2>&1"


rule embed_network:
    """PCA and t-SNE of a network's last layer."""
    input:
        images=image_shards(),
        model="models/{dataset}/{model}/model.safetensors",
        description="models/{dataset}/{model}/model.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        classes="data/manifest/{dataset}/classes.json",
        code=sources("evenlight.stages.embed"),
    output:
        facts=ensure("results/{dataset}/embeddings/{model}.json", non_empty=True),
        table=ensure("results/{dataset}/embeddings/{model}.parquet", non_empty=True),
        pca=report(
            "results/{dataset}/embeddings/{model}_pca.png",
            caption="../report/embedding.rst",
            category="Embeddings",
            subcategory="{dataset}",
            labels={"space": "{model}", "figure": "PCA"},
        ),
        tsne=report(
            "results/{dataset}/embeddings/{model}_tsne.png",
            caption="../report/embedding.rst",
            category="Embeddings",
            subcategory="{dataset}",
            labels={"space": "{model}", "figure": "t-SNE"},
        ),
    log:
        "logs/embed_network/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/embed_network/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(NETWORKS) or "(?!)",
    threads: 1
    params:
        model=lambda wildcards, input: os.path.dirname(input.description),
        images="data/standardized/{dataset}",
        settings=as_json(config["embed"]),
        folder=lambda wildcards, output: os.path.dirname(output.facts),
    message:
        "Drawing PCA and t-SNE of the last layer of {wildcards.model}"
    shell:
        "evenlight embed --manifest {input.manifest:q} --classes {input.classes:q}"
        " --images {params.images:q} --model {params.model:q}"
        " --settings {params.settings:q} --folder {params.folder:q} > {log:q} 2>&1"


rule plot_boundary:
    """Decision regions of a model on one or two columns."""
    input:
        tables=lambda wildcards: model_inputs(wildcards.model),
        model="models/{dataset}/{model}/model.skops",
        description="models/{dataset}/{model}/model.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=lambda wildcards: model_sources(
            "evenlight.stages.plot_boundary", wildcards.model
        ),
    output:
        picture=report(
            "results/{dataset}/{model}/boundary.png",
            caption="../report/boundary.rst",
            category="Explanation",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "decision boundary"},
        ),
    log:
        "logs/plot_boundary/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/plot_boundary/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(BOUNDARIES) or "(?!)",
    threads: 1
    params:
        model=lambda wildcards, input: os.path.dirname(input.description),
        entries=lambda wildcards: as_json(
            {name: config["features"][name] for name in families(wildcards.model)}
        ),
        features="data/features/{dataset}",
    message:
        "Drawing the decision boundary of {wildcards.model}"
    shell:
        "evenlight plot-boundary {params.model:q} --manifest {input.manifest:q}"
        " --features {params.features:q} --entries {params.entries:q}"
        " --picture {output.picture:q} > {log:q} 2>&1"


rule measure_importance:
    """What a model loses on test images when a feature family is shuffled."""
    input:
        tables=lambda wildcards: model_inputs(wildcards.model),
        model="models/{dataset}/{model}/model.skops",
        description="models/{dataset}/{model}/model.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=lambda wildcards: model_sources(
            "evenlight.stages.importance", wildcards.model
        ),
    output:
        table=ensure("results/{dataset}/{model}/importance.json", non_empty=True),
    log:
        "logs/measure_importance/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/measure_importance/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(IMPORTANCES) or "(?!)",
    threads: 1
    params:
        model=lambda wildcards, input: os.path.dirname(input.description),
        settings=as_json(config["importance"]),
        evaluate=INTERVALS,
        features="data/features/{dataset}",
    message:
        "Measuring which features {wildcards.model} leans on"
    shell:
        "evenlight importance {params.model:q} --manifest {input.manifest:q}"
        " --features {params.features:q} --settings {params.settings:q}"
        " --evaluate {params.evaluate:q} --target {output.table:q} > {log:q} 2>&1"

"""Feature tables and networks -> pictures in two dimensions.

Needs: data/features/, data/standardized/, networks. Makes: results/<dataset>/embeddings/.
Usual steps: one job for the feature table, one per network.
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

# The image of the pipeline's container profiles:  docker build -t texcnn:0.1.0 .
# The package is installed, since Nextflow mounts only bin/ of the pipeline. One image serves CPU and GPU.
FROM python:3.11.13-slim-bookworm

# ps: Nextflow measures its tasks with it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends procps \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/texcnn
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY texcnn ./texcnn
# The lock's versions, but only of what the package itself needs; pip takes no hashes in constraints.
RUN sed -e '/--hash=/d' -e 's/ \\$//' requirements.lock > constraints.txt \
    && pip install --no-cache-dir --constraint constraints.txt .

# Tasks run under the user's id, without a home.
ENV HF_HUB_OFFLINE=1 \
    PYTHONNOUSERSITE=1
# Nextflow gives tasks the user's id; who starts the image by hand is not root either.
RUN useradd --uid 1000 --create-home texcnn && install -d -o texcnn /data
USER texcnn
WORKDIR /data
CMD ["texcnn", "--help"]

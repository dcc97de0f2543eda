# The app on a CPU, at port 8501, for whoever reaches it; https is the business of a proxy before it.
#   docker build -t vop-studio . && docker run -p 8501:8501 vop-studio [--no-recording]
# docs/deploy.md has more. No image is built where this is tested: a test takes the steps below in a
# clean folder.
FROM python:3.12-slim

# not root; Hugging Face Spaces start an image as user 1000
RUN useradd --create-home --uid 1000 studio && install --directory --owner studio /studio
USER studio
WORKDIR /studio
COPY --chown=studio . .
RUN ["deploy/setup.sh"]

EXPOSE 8501
HEALTHCHECK --start-period=60s CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://localhost:8501/_stcore/health', timeout=5)"]
ENTRYPOINT ["python3", "run.py", "app", "--address", "0.0.0.0"]

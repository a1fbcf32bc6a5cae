"""A flow with a parameter that is a model."""

from pydantic import BaseModel, field_validator

from statesig import Flow, task


class Settings(BaseModel):
    url: str
    limits: list[int] = []
    retry: str = ""

    @field_validator("retry")
    @classmethod
    def known(cls, value: str) -> str:
        return value if not value else str(1 / 0)


@task
def connect(cfg: Settings) -> str:
    return cfg.url


with Flow("settings") as flow:
    connect(flow.parameter("cfg", Settings))

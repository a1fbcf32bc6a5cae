"""A flow whose task keeps the interpreter for itself."""

import ctypes

from statesig import Flow, task


@task
def hold() -> int:
    print("holds", flush=True)
    ctypes.PyDLL(None).usleep(1_500_000)  # as any one call of C may
    return 1


with Flow("keeping") as flow:
    hold()

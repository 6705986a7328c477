"""Starts an Enterprise Gateway inside the cluster of `api.py`, and does with it what its users do. Each thing that is done is a line of JSON.

    gateway.py TOOLS FOLDER use KERNELSPEC      start, execute, interrupt, restart, execute, stop
    gateway.py TOOLS FOLDER use-r KERNELSPEC    likewise, in R
    gateway.py TOOLS FOLDER bare KERNELSPEC     start it for a client that sends no variables at all, and execute
    gateway.py TOOLS FOLDER fail KERNELSPEC     start it in vain
    gateway.py TOOLS FOLDER spark KERNELSPEC    start a driver, compute, interrupt, compute, stop

TOOLS has `enterprise_gateway.py`, which the tests of the launcher use as well. To be run by the Python that the gateway is installed for.
"""

import asyncio
import sys

sys.path.insert(0, sys.argv[1])
import enterprise_gateway  # noqa: E402
from enterprise_gateway import Gateway, tell, use  # noqa: E402


async def bare(gateway, name):
    kernel = (await gateway.call("POST", "/api/kernels", {"name": name}))["id"]
    tell("executed", **await gateway.execute(kernel, "import os; print(os.environ['PRICE'], 'SECRET_OF_GATEWAY' in os.environ)"))
    await gateway.call("DELETE", f"/api/kernels/{kernel}")


async def fail(gateway, name):
    try:
        await gateway.start(name)
    except RuntimeError as error:
        tell("failed", reason=str(error))


async def use_python(gateway, name):
    await use(gateway, name, "python")


async def use_r(gateway, name):
    kernel = await gateway.start(name)
    tell("started")
    tell("executed", **await gateway.execute(kernel, "cat(1 + 1)"))

    async def interrupt():
        await gateway.call("POST", f"/api/kernels/{kernel}/interrupt")

    await gateway.execute(kernel, "done <- FALSE; Sys.sleep(60); done <- TRUE", interrupt)
    tell("interrupted", **await gateway.execute(kernel, "cat(done)"))
    await gateway.call("POST", f"/api/kernels/{kernel}/restart")
    tell("restarted", **await gateway.execute(kernel, "cat(exists('done'))"))
    await gateway.call("DELETE", f"/api/kernels/{kernel}")
    tell("stopped", kernels=await gateway.call("GET", "/api/kernels"))


SUM = "import os; print(spark.sparkContext.parallelize(range(100), 2).map(lambda number: number + 1).sum())"
SLEEP = "import time; spark.sparkContext.parallelize(range(2), 2).map(lambda number: time.sleep(60)).count()"
WORKERS = "print(spark.sparkContext.parallelize(range(2), 2).map(lambda _: os.environ['PRICE']).distinct().collect())"


async def spark(gateway, name):
    kernel = await gateway.start(name)
    tell("started")
    tell("computed", **await gateway.execute(kernel, SUM))
    tell("computed", **await gateway.execute(kernel, WORKERS))

    async def interrupt():
        await asyncio.sleep(3)
        await gateway.call("POST", f"/api/kernels/{kernel}/interrupt")

    # What pyspark logs of it is its own.
    tell("interrupted", **{**await gateway.execute(kernel, SLEEP, interrupt), "output": ""})
    tell("computed", **await gateway.execute(kernel, SUM))
    await gateway.call("POST", f"/api/kernels/{kernel}/restart")
    tell("computed", **await gateway.execute(kernel, SUM))
    await gateway.call("DELETE", f"/api/kernels/{kernel}")
    tell("stopped", kernels=await gateway.call("GET", "/api/kernels"))


async def main(folder, command, name):
    enterprise_gateway.PATIENCE = 120
    gateway = Gateway(folder)
    try:
        await gateway.wait()
        await {"use": use_python, "use-r": use_r, "bare": bare, "fail": fail, "spark": spark}[command](gateway, name)
    finally:
        gateway.stop()


asyncio.run(main(*sys.argv[2:]))

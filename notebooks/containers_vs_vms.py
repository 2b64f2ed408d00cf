# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Containers and virtual machines, weighed
#
# What does an *empty* box cost, before you put anything into it? Engineers call the weight of an empty box its
# **tare**. In this lecture you weigh two boxes, a container and a virtual machine, on three scales:
#
# 1. **startup time**: how long until your program runs?
# 2. **memory**: how much does one box take, when the program inside does nothing?
# 3. **density**: how many boxes fit on one machine?
#
# You will work in a loop: **predict, run, explain**. Write down your guess *before* you run the cell that knows the
# answer. A wrong guess is worth more than no guess: it shows you which idea to repair.
#
# You need: Python, and what a process is. You do not need: Docker, a network, or administrator rights.

# %% [markdown]
# ## 1. Two kinds of box
#
# **A container** takes its name from shipping. Before 1956, dockers carried each sack and barrel by hand; then came a
# steel box of one standard size, and ships, cranes and lorries no longer cared what was inside. A software container
# does the same for a program: the operating system is the freighter, and each program travels in a standard box with
# all the files that it needs. Technically it is an ordinary **process** to which the Linux kernel shows a world of its
# own: own files, own process numbers, own network (*namespaces*), with a limit on what it may use (*control groups*).
#
# **A virtual machine** (VM) is a whole computer made by a program, the *hypervisor*: with virtual processors, memory
# and disk. On it starts a whole second operating system, the *guest*, with a kernel of its own. A **microVM** is a VM
# without everything that an old computer had: no firmware, few devices, a small kernel.
#
# A little history: Linux could build containers before most people had heard the word; LXC put the parts together in
# 2008. In 2010 a company named dotCloud was founded, to run other people's web programs on its platform. In 2013 it
# gave away the tool behind that platform as open source, under the name Docker, at first an engine on top of LXC. In
# October 2013 the company renamed itself Docker, Inc. Docker did not invent the box: it invented the *standard* box,
# with images that anybody can build, push, pull and run.
#
# You may know the famous picture: boxes of containers beside taller boxes of VMs. It is never drawn to scale. At the
# end of this lecture, yours will be.

# %%
import os

from runtime.cli.tier import choose_tier, glimpse, real_records, simulated_host
from sim.experiment.density import simulate_density
from sim.experiment.memory import simulate_memory
from sim.experiment.startup import simulate_startup
from sim.report.guess import Guess, draw_guess
from sim.report.pictures import draw_boxes, draw_density, draw_memory, draw_startup_ecdf, draw_startup_stages
from sim.report.show import show
from sim.report.table import comparison_rows
from sim.report.unitscale import BYTES, COUNTS, SECONDS
from sim.spec.technology_file import load_technology
from sim.units import MIB

ms, SEED, SAMPLES = 0.001, 1, 40

# %% [markdown]
# ## 2. Where do the numbers come from?
#
# Where Linux lets you, this notebook launches *real* containers on *your* machine, as root or without. Elsewhere
# it shows measurements that were recorded before. It never mixes the two, and every figure says what it is:
#
# | word | meaning |
# |---|---|
# | **measured** | done on this machine, just now |
# | **recorded** | measured before, on the machine named below |
# | **simulated** | computed by a model from published figures; all VMs here are of this kind |
#
# To choose yourself, set the environment variable `TARE_TIER` to `live` or `recorded` before you start Jupyter.

# %% tags=["tier"]
tier = choose_tier(os.environ.get("TARE_TIER"))
print("tier:", tier.banner)
if tier.obstacle:
    print("why not live:", tier.obstacle)
print(f"seed {SEED}: the same seed gives the same simulation, digit by digit")

# %% [markdown]
# ## 3. A process, then a container
#
# We run the same small program twice: first as a plain process, then in a container. It asks the kernel three
# things: *Which kernel are you? What is my process number? Which namespaces am I in?* A namespace has a number;
# equal numbers mean that both see the same thing.

# %%
look = glimpse(tier)
process, container = look["process"], look["container"]
print(f"{look['provenance']} on {look['machine']['system']}, {look['created'][:10]}\n")
print(f"{'':10}{'process':>18}{'container':>18}")
print(f"{'kernel':10}{process['kernel']:>18}{container['kernel']:>18}")
print(f"{'pid':10}{process['pid']:>18}{container['pid']:>18}")
for kind, number in container["namespaces"].items():
    outside = process["namespaces"][kind]
    print(f"{kind:10}{outside:>18}{number:>18}   {'the same' if outside == number else 'its own'}")

# %% [markdown]
# **One kernel.** Both programs spoke to the same one: there is no second operating system in a container. What differs
# are the namespaces: the container has its own mounts (`mnt`), its own process numbers (`pid`: it believes that it is
# process 1, the first of its world), its own network (`net`), and so on. Look at `user`: here a container that root
# starts shares it with the host; one that is started without root must have its own.
#
# So how is a container made? By asking the kernel, one system call after the other. Here is the whole launch at a
# glance; to read every single call, type `tare explain run --run tare/host true` in a terminal.

# %%
print(f"{len(look['steps'])} steps ({look['provenance']}), by stage; beside each stage the first of its steps\n")
for stage in dict.fromkeys(step["stage"] for step in look["steps"]):
    steps = [step for step in look["steps"] if step["stage"] == stage]
    took_us = sum(step["duration_ns"] for step in steps) / 1000
    print(f"{stage:18}{len(steps):3} {took_us:6.0f} us   {steps[0]['words']}")

# %% [markdown]
# A container is no *thing* in the kernel. It is a process that went through this list.
#
# ## 4. Predict, run, explain
#
# ### 4.1 How long does a container take to start?
#
# The clock runs from the request until the program `true`, which does nothing, has run and all is cleaned up. Write
# your guess into the next cell. Use units: `50 * ms`, or plain seconds. Then go on.

# %% tags=["prediction"]
guess_process = 10 * ms
guess_container = 500 * ms

# %% tags=["measuring"]
records = real_records(tier, SAMPLES, SEED)
print(f"processes and containers: {len(records.select('startup'))} timed launches")
print(f"tier: {tier.banner}")

# %% tags=["check"]
row = {r.technology: r for r in comparison_rows(records)}
guesses = [
    Guess("process", guess_process, row["process"].startup_median_s, row["process"].provenance),
    Guess("container", guess_container, row["container"].startup_median_s, row["container"].provenance),
]
show(draw_guess("guess-container", "Startup: a process and a container", SECONDS, guesses))
extra_s = row["container"].startup_median_s - row["process"].startup_median_s
print(f"isolation costs {SECONDS.text(extra_s)}; median of {row['container'].samples} launches each")

# %% [markdown]
# **Why?** The container is a process plus the list above, and each item on that list is one call into a kernel that is
# already running. Nothing is loaded, nothing boots. If you guessed much more, you probably remembered typing
# `docker run`: there a client asks a daemon, which asks further programs, and perhaps an image is fetched first. That
# is the price of the *tool*, not of the *container*. And your own program's start, say of Python, comes on top, with
# or without a container.
#
# ### 4.2 How long do a microVM and a full VM take?
#
# The microVM boots a minimal kernel. The full VM starts as a PC does: firmware, boot loader, kernel, init, services.
# Both are simulated, on a model of the machine that the containers ran on.

# %% tags=["prediction"]
guess_microvm = 2.0  # seconds
guess_vm = 30.0

# %% tags=["measuring"]
host, words = simulated_host(tier, records.machine)
for name in ("microvm", "vm"):
    boots = simulate_startup(load_technology(name), host, concurrency=1, cache="warm", replications=SAMPLES, seed=SEED)
    records = records.extended(boots)
print(words)

# %% tags=["check"]
row = {r.technology: r for r in comparison_rows(records)}
guesses = [
    Guess("microvm", guess_microvm, row["microvm"].startup_median_s, row["microvm"].provenance),
    Guess("vm", guess_vm, row["vm"].startup_median_s, row["vm"].provenance),
]
show(draw_guess("guess-vm", "Startup: a microVM and a full VM", SECONDS, guesses))
for name in ("microvm", "vm"):
    print(f"a {name} takes {row[name].startup_ratio:,.0f} times as long as a container")

# %%
show(draw_startup_stages(records))

# %% [markdown]
# **Why?** Look at the names of the stages. The VM's are those of a computer that is switched on; the container's are
# system calls. A microVM leaves most stages out, and that is its whole trick: same isolation by hardware, less to boot.
# "VMs take minutes" is as wrong as "containers are VMs that boot fast".
#
# The parameters behind the simulated bars come from published measurements; `tare sim technologies` lists each with
# its source, and says which are assumptions.
#
# ### 4.3 How much memory does one take?
#
# The program inside is `sleep`: it does nothing. Guess what one box costs the *host*.

# %% tags=["prediction"]
guess_container_memory = 50 * MIB
guess_vm_memory = 512 * MIB

# %% tags=["measuring"]
for name in ("microvm", "vm"):
    records = records.extended(simulate_memory(load_technology(name), host, count=10))
weighed = [i for i in records.select("memory") if i.technology == "container"]
print(f"{len(weighed)} idle containers ({weighed[0].provenance}) and 10 VMs of each kind (simulated)")

# %% tags=["check"]
row = {r.technology: r for r in comparison_rows(records)}
guesses = [
    Guess("container", guess_container_memory, row["container"].memory_bytes, row["container"].provenance),
    Guess("vm", guess_vm_memory, row["vm"].memory_bytes, row["vm"].provenance),
]
show(draw_guess("guess-memory", "Memory of one idle box", BYTES, guesses))
print(f"for the memory of one VM you get {row['vm'].memory_ratio:,.0f} containers")

# %% [markdown]
# **Why?** A container brings a program and asks the kernel for some bookkeeping. A VM brings a hypervisor, a second
# kernel, a second set of system programs, and a second cache of files, for itself alone. What belongs to your
# application is, in the VM, a thin line.
#
# ### 4.4 How many fit on this machine?
#
# Memory is one limit, but not the only one: the kernel has only so many process numbers to give.

# %% tags=["prediction"]
guess_containers_fit = 500
guess_vms_fit = 50

# %% tags=["measuring"]
for name in ("microvm", "vm"):
    records = records.extended(densities=[simulate_density(load_technology(name), host)])
print(f"host: {BYTES.text(host.memory_bytes)} of memory, {host.cores} cores")

# %% tags=["check"]
row = {r.technology: r for r in comparison_rows(records)}
guesses = [
    Guess("container", guess_containers_fit, row["container"].density_limit, row["container"].provenance),
    Guess("vm", guess_vms_fit, row["vm"].density_limit, row["vm"].provenance),
]
show(draw_guess("guess-density", "How many idle boxes fit?", COUNTS, guesses))
for name, r in row.items():
    how = f"projected from {max(d.running[-1] for d in records.densities if d.technology == name)} running ones"
    print(f"{name:10} {r.density_limit:>9,}  ended by {r.ended_by}, {how if r.projected else 'counted one by one'}")

# %% [markdown]
# **Why?** Divide the free memory by what one takes, and you get the VMs. For containers look at what *ended* the
# count. Where it says `pids`, memory was not the limit at all: process numbers ran out first. "How many fit" is
# always a question with two answers: a number, and the resource that ends it.
#
# The containers' number is *projected*: we started some and continued the line. Real programs do something, so real
# machines hold fewer. These are empty boxes.

# %% [markdown]
# ## 5. The three scales, side by side
#
# **Startup.** Each curve is a series of launches. Read it at 50 %: half of the launches were ready by then. Each step
# along the axis is a factor of ten. Solid or dash-dotted lines are real; dashed lines are simulated.

# %%
show(draw_startup_ecdf(records))

# %% [markdown]
# **Memory.** The upper bars share one scale; where a bar is too small to be seen there, the panels show it enlarged.

# %%
show(draw_memory(records))

# %% [markdown]
# **Density.** Each curve climbs towards the memory of the host. Follow it to its end: what stopped it?

# %%
show(draw_density(records))

# %% [markdown]
# **And the famous picture, to scale.** Every height is host memory. The container had to be enlarged to be seen at
# all: find the factor.

# %%
show(draw_boxes(records))

# %% [markdown]
# The usual picture says "containers have no guest OS", and it is right. It does not say *how much* that is. Now you
# know. It also does not say what you pay for it: all containers trust **one** kernel. A VM keeps its own, behind a
# much smaller door. That is why clouds run strangers' containers inside VMs, often inside microVMs.

# %% [markdown]
# ## 6. Three beliefs, met with measurements
#
# **"A container is a light VM."** Go back to section 3: one kernel, seen from two places. A VM would have answered with
# another kernel.
#
# **"A container boots fast."** It does not boot. Compare what happens, in order:

# %%
for name in ("process", "container", "vm"):
    launch = next(i for i in records.select("startup") if i.technology == name)
    print(f"{name:10} ({launch.provenance}): " + ", ".join(stage.name for stage in launch.stages))

# %% [markdown]
# **"Add up what `ps` shows (RSS) and you have the memory of my containers"**, and its opposite, **"containers take no
# extra memory"**. RSS counts a shared page once *for every process* that uses it. PSS divides it among them, so that
# PSS may be added up.

# %%
rss, pss = sum(look["rss_bytes"]), sum(look["pss_bytes"])
print(f"{len(look['rss_bytes'])} idle containers ({look['provenance']}):")
print(f"  sum of RSS {BYTES.text(rss)}, sum of PSS {BYTES.text(pss)}: RSS counts {rss / pss:.1f} times too much")
print("but PSS sees the program's pages only. What one costs the host, by category:")
for name in ("process", "container"):
    costs = next(i.memory_bytes for i in records.select("memory") if i.technology == name)
    print(f"  {name:10}" + ", ".join(f"{what} {BYTES.text(size)}" for what, size in costs.items()))

# %% [markdown]
# So the sum of RSS is too much, and the program's pages alone are too little: namespaces, mounts and control groups
# live in the kernel. Compare the kernel objects of the two lines: that is what isolation costs. Small is not zero.

# %% [markdown]
# ## 7. Exercises
#
# Everything you need is in `records` and `host`. Predict first!
#
# **Exercise 1.** What share of a container's launch is *isolation*, that is, stages which a plain process does not
# have? Which single one takes longest?
#
# <details><summary>Solution</summary>
#
# ```python
# launches = {name: [i for i in records.select("startup") if i.technology == name] for name in ("process", "container")}
# plain = {stage.name for stage in launches["process"][0].stages}
# spent_s = {}
# for launch in launches["container"]:
#     for stage in launch.stages:
#         spent_s[stage.name] = spent_s.get(stage.name, 0) + stage.duration_s
# isolation_s = {name: time_s for name, time_s in spent_s.items() if name not in plain}
# print(f"isolation: {sum(isolation_s.values()) / sum(spent_s.values()):.0%} of the launch")
# print("longest:", max(isolation_s, key=isolation_s.get))
# ```
#
# Even if isolation is most of the launch, it is most of very little.
# </details>
#
# **Exercise 2.** Give the host 4, 16 and 64 times its memory. Do 4, 16 and 64 times as many VMs fit? What ends it?
#
# <details><summary>Solution</summary>
#
# ```python
# from dataclasses import replace
#
# for times in (1, 4, 16, 64):
#     larger = replace(host, memory_bytes=host.memory_bytes * times)
#     density = simulate_density(load_technology("vm"), larger)
#     print(f"{times:3} x memory: {density.limit:6,} VMs, ended by {density.ended_by}")
# ```
#
# As long as memory ends it, the count grows with it. Then another resource takes over: an idle guest still wakes up
# for its timers, takes a little of a core each time, and needs several process numbers on the host. Buying more of
# what is not the limit buys nothing.
# </details>
#
# **Exercise 3.** Ten VMs are switched on at the same moment, after a power cut. How long does each take, compared with
# a VM that boots alone?
#
# <details><summary>Solution</summary>
#
# ```python
# for together in (1, 2, 5, 10):
#     boots = simulate_startup(
#         load_technology("vm"), host, concurrency=together, cache="warm", replications=10, seed=SEED
#     )
#     mean_s = sum(boot.duration_s for boot in boots) / len(boots)
#     print(f"{together:3} at once: {SECONDS.text(mean_s)} each")
# ```
#
# While there are cores to spare, company costs little. Beyond, the VMs share the cores, and each waits for the
# others: this is called a *boot storm*.
# </details>
#
# ## What to take home
#
# - A container is a process with a view of its own. Nothing boots; the kernel is shared.
# - A VM is a computer. What you pay for is the guest: its kernel, its services, its cache.
# - Ask of every number: measured, recorded or simulated? On which machine? Ended by what?

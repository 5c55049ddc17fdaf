"""The simulated model at work with a client's functions, over either lane.

It reads the prompt as a model would, and shares no code with the gateway that writes it.

* :mod:`~grokcore.simulator.agent.prompts`: the functions, the last question and the outcomes in a
  prompt.
* :mod:`~grokcore.simulator.agent.tasks`: its next step: calls, or words.
* :mod:`~grokcore.simulator.agent.notation`: calls in the notation of the prompt.
* :mod:`~grokcore.simulator.agent.characters`: obedience, and the ways in which models deviate.
* :mod:`~grokcore.simulator.agent.json_answers`: an answer in JSON, where one is asked for.
* :mod:`~grokcore.simulator.agent.playing`: an answer as the tokens of either lane.
"""

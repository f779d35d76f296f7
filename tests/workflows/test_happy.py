from .scene import Scene, chunk

async def test_a_call_is_recorded_paused_resumed_stopped_and_archived(scene: Scene) -> None:
    await scene.recorded()
    pause = await scene.asks("pause", requested_by="agent", reason="card number", request_id="p1")
    assert pause.state == "confirmed"
    await scene.asks("resume", requested_by="agent", request_id="r1")
    await scene.asks("stop", requested_by="agent", request_id="s1")
    await scene.announced(chunk())
    result = await scene.result()
    assert result.outcome == "archived"
    print(result)
    print(scene.service.asked)

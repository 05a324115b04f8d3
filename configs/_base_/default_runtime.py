default_scope = "mmmim"
recipe = dict(task="pretrain", scale="full")  # what the run is for: docs/configs.md

# Everything a run needs stands here, so that a config's own `custom_hooks` list replaces nothing.
default_hooks = dict(
    step_seed=dict(type="StepSeedHook"),
    runtime_info=dict(type="BufferedRuntimeInfoHook"),
    timer=dict(type="StepTimerHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    nonfinite=dict(type="NonFiniteLossHook", interval=50),
    logger=dict(type="LoggerHook", interval=50),
    param_scheduler=dict(type="ParamSchedulerHook"),
    bad_files=dict(type="BadFileReportHook"),
    meta=dict(type="MetaHook"),
    resume=dict(type="ResumeHook"),
    watchdog=dict(type="WatchdogHook"),
    checkpoint=dict(type="SafeCheckpointHook", by_epoch=True, interval=50, rolling_minutes=10, max_keep_ckpts=-1),
)
custom_hooks = []

log_processor = dict(type="ThroughputLogProcessor", by_epoch=True, window_size=50)
log_level = "INFO"
visualizer = dict(type="LazyVisualizer", vis_backends=[dict(type="LocalVisBackend")])

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
# One seed for all ranks: equal initial weights and masks of the global batch. StepSeedHook tells the ranks apart.
randomness = dict(seed=0, diff_rank_seed=False, deterministic=False)
find_unused_parameters = False

load_from = None
resume = False

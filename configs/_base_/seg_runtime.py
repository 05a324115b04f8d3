default_scope = "mmseg"
recipe = dict(task="segmentation", scale="full")
# Read with the file, before anything is built: mmseg's and mmdet's own tools run this config as well.
custom_imports = dict(imports=["mmmim.compat.openmmlab"], allow_failed_imports=False)

default_hooks = dict(
    step_seed=dict(type="mmmim.StepSeedHook"),
    labels=dict(type="mmmim.SegLabelCheckHook"),
    timer=dict(type="IterTimerHook"),
    nonfinite=dict(type="mmmim.NonFiniteLossHook", interval=50),
    bad_files=dict(type="mmmim.BadFileReportHook"),
    resume=dict(type="mmmim.ResumeHook"),
    watchdog=dict(type="mmmim.WatchdogHook"),
    logger=dict(type="LoggerHook", interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type="ParamSchedulerHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    meta=dict(type="mmmim.MetaHook", stage="ft"),
    checkpoint=dict(
        type="mmmim.SafeCheckpointHook",
        by_epoch=False,
        interval=16000,
        save_best="mIoU",
        rule="greater",
        max_keep_ckpts=1,
    ),
    visualization=dict(type="SegVisualizationHook"),
)
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]

visualizer = dict(type="SegLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")])
log_processor = dict(type="LogProcessor", by_epoch=False, window_size=50)
log_level = "INFO"

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
randomness = dict(seed=0)
find_unused_parameters = False
load_from = None
resume = False

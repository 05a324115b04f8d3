default_scope = "mmdet"
recipe = dict(task="detection", scale="full")
# Read with the file, before anything is built: mmseg's and mmdet's own tools run this config as well.
custom_imports = dict(imports=["mmmim.compat.openmmlab"], allow_failed_imports=False)

default_hooks = dict(
    step_seed=dict(type="mmmim.StepSeedHook"),
    timer=dict(type="IterTimerHook"),
    nonfinite=dict(type="mmmim.NonFiniteLossHook", interval=50),
    bad_files=dict(type="mmmim.BadFileReportHook"),
    resume=dict(type="mmmim.ResumeHook"),
    watchdog=dict(type="mmmim.WatchdogHook"),
    logger=dict(type="LoggerHook", interval=50),
    param_scheduler=dict(type="ParamSchedulerHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    meta=dict(type="mmmim.MetaHook", stage="ft"),
    checkpoint=dict(
        type="mmmim.SafeCheckpointHook", interval=1, save_best="coco/bbox_mAP", rule="greater", max_keep_ckpts=1
    ),
    visualization=dict(type="DetVisualizationHook"),
)
custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]

visualizer = dict(type="DetLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")])
log_processor = dict(type="LogProcessor", by_epoch=True, window_size=50)
log_level = "INFO"

env_cfg = dict(
    cudnn_benchmark=False,  # input sizes differ from batch to batch
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
randomness = dict(seed=0)
find_unused_parameters = False
load_from = None
resume = False

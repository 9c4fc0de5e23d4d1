/* Bring-up of the process floor. */
#pragma once

/* After task_init() and vm_init(): registers the out-of-memory choice. */
void proc_init(void);

/* Chooses and kills a process; whether memory will come. For reclaim; may sleep. */
_Bool oom_kill(void);

/* Bring-up of the process floor. */
#pragma once

/* After task_init() and vm_init(): registers the out-of-memory choice. */
void proc_init(void);

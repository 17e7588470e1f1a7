/* Jobs in a file of their own. */
#include <yibu.h>

static intptr_t job_in_c(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return 1;
}
YIBU_JOB(job_in_c);

static intptr_t another_job_in_c(yibu_bytes input, yibu_buffer *output)
{
    return yibu_buffer_append(output, input.data, input.size);
}
YIBU_JOB(another_job_in_c);

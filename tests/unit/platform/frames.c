/* Frames that are larger than a page and touch their lowest bytes only; built without
 * -fstack-clash-protection, as a library of somebody else's may be. */
void step_frames_of_12_kb(int count);

__attribute__((noinline)) void step_frames_of_12_kb(int count)
{
    volatile char frame[12 << 10];
    __asm__ volatile("" : : "r"(frame) : "memory"); /* all of it has to be there */
    frame[0] = (char)count;
    if (count > 0)
        step_frames_of_12_kb(count - 1);
    frame[0] = (char)(frame[0] + 1);
}

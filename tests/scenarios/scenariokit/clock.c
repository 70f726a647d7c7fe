/* Preloaded: the wall clock, and nothing else, is an hour ahead.  No headers: tcc has none. */
#if defined(__x86_64__)
#define CLOCK_GETTIME 228
#elif defined(__aarch64__)
#define CLOCK_GETTIME 113
#else
#error "add the number of clock_gettime on this machine"
#endif
#define AHEAD 3600

struct moment { long seconds, fraction; };
long syscall(long number, ...);

int clock_gettime(int clock, struct moment *now)
{
	int failed = (int) syscall(CLOCK_GETTIME, clock, now);
	/* CLOCK_REALTIME and its coarse variant. */
	if (!failed && (clock == 0 || clock == 5))
		now->seconds += AHEAD;
	return failed;
}

int gettimeofday(struct moment *now, void *zone)
{
	int failed = clock_gettime(0, now);
	if (!failed)
		now->fraction /= 1000;
	return failed;
}

long time(long *where)
{
	struct moment now;
	clock_gettime(0, &now);
	if (where)
		*where = now.seconds;
	return now.seconds;
}

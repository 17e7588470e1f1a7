// time.AfterFunc and Stop.  Go fires timers whenever a goroutine may be preempted, so there is no way
// to hold them all back until they are overdue.
// bench-backend: epoll
package main

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func cpu() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func report(name string, total time.Duration, n int) {
	fmt.Printf("{\"case\":%q,\"value\":%f,\"unit\":\"ns\",\"n\":%d}\n",
		name, float64(total.Nanoseconds())/float64(n), n)
}

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	if os.Args[3] == "overdue" {
		fmt.Fprintln(os.Stderr, "Go fires its timers in time")
		os.Exit(1)
	}
	delays := make([]time.Duration, n)
	for i := range delays {
		delays[i] = time.Duration(rand.Int63n(int64(time.Second)))
	}
	timers := make([]*time.Timer, n)
	var group sync.WaitGroup
	fire := func() { group.Done() }
	addAll := func() time.Duration {
		start := time.Now()
		for i := range timers {
			timers[i] = time.AfterFunc(delays[i], fire)
		}
		return time.Since(start)
	}
	if os.Args[3] == "cancel" {
		for i := range delays { // none fires before it is stopped
			delays[i] += time.Minute
		}
		added := addAll()
		start := time.Now()
		for _, timer := range timers {
			timer.Stop()
		}
		stopped := time.Since(start)
		report("add", added, n)
		report("cancel", stopped, n)
		return
	}
	group.Add(n)
	addAll()
	start := cpu()
	group.Wait()
	report("fire in time", cpu()-start, n)
}

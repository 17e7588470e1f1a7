// A million goroutines that sleep until a timer or the context ends them.
// bench-backend: epoll
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func memory() int {
	status, _ := os.Open("/proc/self/status")
	defer status.Close()
	total := 0
	for lines := bufio.NewScanner(status); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if words[0] == "VmRSS:" || words[0] == "VmPTE:" {
			kib, _ := strconv.Atoi(words[1])
			total += kib * 1024
		}
	}
	return total
}

func sleeper(ctx context.Context, asleep *int64, group *sync.WaitGroup) {
	defer group.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	atomic.AddInt64(asleep, 1)
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func report(name string, total int64, unit string, n int) {
	fmt.Printf("{\"case\":%q,\"value\":%f,\"unit\":%q,\"n\":%d}\n",
		name, float64(total)/float64(n), unit, n)
}

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	ctx, cancel := context.WithCancel(context.Background())
	var asleep int64
	var group sync.WaitGroup
	group.Add(n)
	before := memory()
	start := time.Now()
	for i := 0; i < n; i++ {
		go sleeper(ctx, &asleep, &group)
	}
	for atomic.LoadInt64(&asleep) < int64(n) {
		runtime.Gosched()
	}
	created := time.Since(start)
	held := memory() - before
	start = time.Now()
	cancel()
	group.Wait()
	ended := time.Since(start)
	report("create", created.Nanoseconds(), "ns", n)
	report("memory", int64(held), "bytes", n)
	report("cancel and join", ended.Nanoseconds(), "ns", n)
}

// A million goroutines wait, each on a channel of its own; then every channel is closed.
package main

import (
	"bufio"
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

func report(name string, total int64, unit string, n int) {
	fmt.Printf("{\"case\":%q,\"value\":%f,\"unit\":%q,\"n\":%d}\n",
		name, float64(total)/float64(n), unit, n)
}

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	before := memory()
	var waiting int64
	var group sync.WaitGroup
	group.Add(n)
	events := make([]chan struct{}, n)
	for i := range events {
		event := make(chan struct{})
		events[i] = event
		go func() {
			atomic.AddInt64(&waiting, 1)
			<-event
			group.Done()
		}()
	}
	for atomic.LoadInt64(&waiting) < int64(n) {
		runtime.Gosched()
	}
	runtime.Gosched()
	held := memory() - before
	start := time.Now()
	for _, event := range events {
		close(event)
	}
	group.Wait()
	spent := time.Since(start)
	report("wake", spent.Nanoseconds(), "ns", n)
	report("memory", int64(held), "bytes", n)
}

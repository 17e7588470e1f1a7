// N goroutines that do nothing but yield.  One CPU is allowed, so GOMAXPROCS is 1.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	tasks, _ := strconv.Atoi(os.Args[3])
	turns := n / tasks
	var group sync.WaitGroup
	group.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			defer group.Done()
			for turn := 0; turn < turns; turn++ {
				runtime.Gosched()
			}
		}()
	}
	runtime.Gosched()
	runtime.Gosched()
	start := time.Now()
	group.Wait()
	spent := time.Since(start)
	n = turns * tasks
	fmt.Printf("{\"case\":%q,\"value\":%f,\"unit\":\"ns\",\"n\":%d}\n",
		os.Args[1], float64(spent.Nanoseconds())/float64(n), n)
}

// Starts a batch of goroutines that leave their results in a slice, then waits for all of them.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

func gather(results []int) {
	var group sync.WaitGroup
	group.Add(len(results))
	for i := range results {
		i := i
		go func() {
			results[i] = i
			group.Done()
		}()
	}
	group.Wait()
}

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	size, _ := strconv.Atoi(os.Args[3])
	batches := n / size
	results := make([]int, size)
	gather(results)
	start := time.Now()
	for i := 0; i < batches; i++ {
		gather(results)
	}
	spent := time.Since(start)
	n = batches * size
	fmt.Printf("{\"case\":%q,\"value\":%f,\"unit\":\"ns\",\"n\":%d}\n",
		os.Args[1], float64(spent.Nanoseconds())/float64(n), n)
}

// Starts a batch of goroutines, then waits for all with a WaitGroup.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

func batchOf(batch int) {
	var group sync.WaitGroup
	group.Add(batch)
	for i := 0; i < batch; i++ {
		go func() {
			group.Done()
		}()
	}
	group.Wait()
}

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	batch, _ := strconv.Atoi(os.Args[3])
	batches := n / batch
	batchOf(batch)
	start := time.Now()
	for i := 0; i < batches; i++ {
		batchOf(batch)
	}
	spent := time.Since(start)
	n = batches * batch
	fmt.Printf("{\"case\":%q,\"value\":%f,\"unit\":\"ns\",\"n\":%d}\n",
		os.Args[1], float64(spent.Nanoseconds())/float64(n), n)
}

// One goroutine sends into a channel, the main one receives.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	capacity, _ := strconv.Atoi(os.Args[3])
	items := make(chan int, capacity)
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			items <- i
		}
	}()
	for i := 0; i < n; i++ {
		if <-items != i {
			panic("an item out of order")
		}
	}
	spent := time.Since(start)
	fmt.Printf("{\"case\":%q,\"value\":%f,\"unit\":\"ns\",\"n\":%d}\n",
		os.Args[1], float64(spent.Nanoseconds())/float64(n), n)
}

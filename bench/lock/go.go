// A sync.Mutex, and a buffered channel, which is how Go's documentation makes a semaphore.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

func takeLock(n int) {
	var lock sync.Mutex
	for i := 0; i < n; i++ {
		lock.Lock()
		lock.Unlock()
	}
}

func takeSemaphore(n int) {
	semaphore := make(chan struct{}, 1)
	for i := 0; i < n; i++ {
		semaphore <- struct{}{}
		<-semaphore
	}
}

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	start := time.Now()
	if os.Args[3] == "lock" {
		takeLock(n)
	} else {
		takeSemaphore(n)
	}
	spent := time.Since(start)
	fmt.Printf("{\"case\":%q,\"value\":%f,\"unit\":\"ns\",\"n\":%d}\n",
		os.Args[1], float64(spent.Nanoseconds())/float64(n), n)
}

// A goroutine a function, its result sent back on a channel: Go needs no pool, since its scheduler
// runs what blocks on threads of its own.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

//go:noinline
func nothing() int {
	return 7
}

func run(inFlight, n int) {
	results := make(chan int, inFlight)
	start := func() { go func() { results <- nothing() }() }
	for i := 0; i < inFlight; i++ {
		start()
	}
	for i := inFlight; i < n; i++ {
		<-results
		start()
	}
	for i := 0; i < inFlight; i++ {
		<-results
	}
}

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	inFlight, _ := strconv.Atoi(os.Args[3])
	run(inFlight, inFlight*10)
	start := time.Now()
	run(inFlight, n)
	spent := float64(time.Since(start).Nanoseconds())
	value, unit := float64(n)*1e9/spent, "op/s"
	if inFlight == 1 {
		value, unit = spent/float64(n), "ns"
	}
	fmt.Printf("{\"case\":%q,\"value\":%f,\"unit\":%q,\"n\":%d}\n", os.Args[1], value, unit, n)
}

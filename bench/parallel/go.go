// A goroutine for each processor and its share of the items, as is usual; where items are uneven,
// each takes the next few from a shared counter.
package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const smallItems = 1000

func shares(n int, body func(worker, first, end int)) {
	workers := runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	group.Add(workers)
	for i := 0; i < workers; i++ {
		i := i
		go func() {
			body(i, n*i/workers, n*(i+1)/workers)
			group.Done()
		}()
	}
	group.Wait()
}

func sumInverses(n int) float64 {
	sums := make([]float64, runtime.GOMAXPROCS(0))
	shares(n, func(worker, first, end int) {
		sum := 0.0
		for i := first; i < end; i++ {
			x := float64(i) + 1
			sum += 1 / (x * x)
		}
		sums[worker] = sum
	})
	total := 0.0
	for _, sum := range sums {
		total += sum
	}
	return total
}

func saxpy(y, x []float32) {
	shares(len(y), func(_, first, end int) {
		y, x := y[first:end], x[first:end]
		for i := range y {
			y[i] += 0.5 * x[i]
		}
	})
}

func churnItem(i, n int) uint64 {
	x, rounds := uint64(i), 10000
	if i < n/10*9 {
		rounds = 10
	}
	for ; rounds > 0; rounds-- {
		x = (x^x>>29)*6364136223846793005 + 1442695040888963407
	}
	return x
}

func churn(n int) uint64 {
	const few = 16
	var next, total uint64
	shares(n, func(_, _, _ int) {
		sum := uint64(0)
		for {
			first := int(atomic.AddUint64(&next, few)) - few
			if first >= n {
				break
			}
			for i := first; i < first+few && i < n; i++ {
				sum += churnItem(i, n)
			}
		}
		atomic.AddUint64(&total, sum)
	})
	return total
}

func newFloats(n int) []float32 {
	floats := make([]float32, n)
	for i := range floats {
		floats[i] = 1
	}
	return floats
}

func timeInverses(n int) float64 {
	start := time.Now()
	sum := sumInverses(n)
	spent := time.Since(start)
	f := float64(n)
	if math.Abs(sum-(math.Pi*math.Pi/6-1/f)) > 1e-6 {
		panic("wrong sum")
	}
	return float64(spent.Nanoseconds()) / f
}

func timeSaxpy(n, items int) float64 {
	x, y := newFloats(items), newFloats(items)
	start := time.Now()
	for i := 0; i < n/items; i++ {
		saxpy(y, x)
	}
	return float64(time.Since(start).Nanoseconds()) / float64(n/items*items)
}

func timeUneven(n int) float64 {
	start := time.Now()
	churn(n)
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

func timeSmall(n, pauseUs int) float64 {
	x, y := newFloats(smallItems), newFloats(smallItems)
	var spent time.Duration
	for i := 0; i < n; i++ {
		if pauseUs > 0 {
			time.Sleep(time.Duration(pauseUs) * time.Microsecond)
		}
		start := time.Now()
		saxpy(y, x)
		spent += time.Since(start)
	}
	return float64(spent.Nanoseconds()) / float64(n)
}

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	argument := 0
	if len(os.Args) > 4 {
		argument, _ = strconv.Atoi(os.Args[4])
	}
	for i := 0; i < 20; i++ {
		churn(2000)
	}
	var value float64
	switch os.Args[3] {
	case "inverses":
		value = timeInverses(n)
	case "saxpy":
		value = timeSaxpy(n, argument)
	case "uneven":
		value = timeUneven(n)
	default:
		value = timeSmall(n, argument)
	}
	fmt.Printf("{\"case\":%q,\"value\":%f,\"unit\":\"ns\",\"n\":%d}\n", os.Args[1], value, n)
}

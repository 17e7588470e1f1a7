// One goroutine that receives and answers.  The standard library has no batches, so it does the same
// in all cases.
// bench-backend: epoll
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("{\"port\":%d}\n", socket.LocalAddr().(*net.UDPAddr).Port)
	buffer := make([]byte, 2048)
	for {
		size, from, err := socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		socket.WriteToUDPAddrPort(buffer[:size], from)
	}
}

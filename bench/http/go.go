// net/http's file server, as its documentation has it.  GOMAXPROCS is the number of CPUs.
// bench-backend: epoll
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	fmt.Fprintln(os.Stderr, http.Serve(listener, http.FileServer(http.Dir(os.Args[3]))))
	os.Exit(1)
}

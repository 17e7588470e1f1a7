// A goroutine a connection, on Go's own TLS.  One CPU is allowed, so GOMAXPROCS is 1.
// bench-backend: epoll
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	about := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &about, &about, &key.PublicKey, key)
	fail(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

var piece = make([]byte, 65536)

func serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for {
		first, err := reader.ReadString('\n')
		for line := first; err == nil && line != "\r\n"; {
			line, err = reader.ReadString('\n')
		}
		if err != nil {
			return
		}
		size, _ := strconv.Atoi(strings.TrimPrefix(strings.Fields(first)[1], "/"))
		fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		for ; size > 0 && err == nil; size -= len(piece) {
			_, err = connection.Write(piece[:min(size, len(piece))])
		}
		if err != nil {
			return
		}
	}
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func main() {
	config := tls.Config{Certificates: []tls.Certificate{certificate()}, MinVersion: tls.VersionTLS13}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &config)
	fail(err)
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		fail(err)
		go serve(connection)
	}
}

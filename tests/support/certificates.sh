#!/bin/sh
# Makes certificates of all sorts in FOLDER with the openssl program; keys are beside them in *.key.
#   ca, other-ca       issuers; ca's lists of revoked ones are crl.pem, and old-crl.pem, out of date
#   server             for localhost, *.example.org, 127.0.0.1 and ::1, by ca
#   second             for second.test, by ca
#   wrong-host         for nowhere.test, by ca
#   nameless           a subject localhost and no alternative names, by ca
#   partial            for s*.example.org, by ca
#   expired, future    for localhost, by ca
#   revoked            for localhost, by ca, in crl.pem
#   self-signed        for localhost
#   client             for "a client", by ca; other-client by other-ca
#   rsa                for localhost, by ca, with an RSA key
#   chain              server.pem by inter, which ca issued: chain.pem has both
#   secret.key         server's key, encrypted with "sesame"
# usage: certificates.sh FOLDER
set -eu
cd "$1"

new_key() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}

# issuer NAME: one that signs itself.
issuer() {
    new_key "$1"
    openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.pem" \
        -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}

# issue NAME ISSUER SUBJECT ALTERNATIVE-NAMES [START END]
issue() {
    [ -e "$1.key" ] || new_key "$1"
    openssl req -new -key "$1.key" -subj "/CN=$3" -out "$1.csr"
    printf '%s\n' "$4" >"$1.ext"
    openssl ca -batch -notext -config "$2.cnf" -in "$1.csr" -extfile "$1.ext" -out "$1.pem" \
        -startdate "${5:-20200101000000Z}" -enddate "${6:-20991231235959Z}" 2>/dev/null
}

# configure ISSUER: what `openssl ca` wants to know.
configure() {
    : >"$1.index"
    cat >"$1.cnf" <<END
[ca]
default_ca = d
[d]
database = $1.index
rand_serial = yes
certificate = $1.pem
private_key = $1.key
new_certs_dir = .
default_md = sha256
policy = p
unique_subject = no
default_crl_days = 30
[p]
commonName = supplied
END
}

for name in ca other-ca; do
    issuer $name
    configure $name
done
here="subjectAltName=DNS:localhost"
issue server ca localhost "$here,DNS:*.example.org,IP:127.0.0.1,IP:::1"
issue second ca second.test "subjectAltName=DNS:second.test"
issue wrong-host ca nowhere.test "subjectAltName=DNS:nowhere.test"
issue nameless ca localhost "basicConstraints=CA:false"
issue partial ca partial "subjectAltName=DNS:s*.example.org"
issue expired ca localhost "$here" 20200101000000Z 20200102000000Z
issue future ca localhost "$here" 20980101000000Z
issue revoked ca localhost "$here"
issue client ca "a client" "extendedKeyUsage=clientAuth"
issue other-client other-ca "a client" "extendedKeyUsage=clientAuth"
openssl genrsa -out rsa.key 2048 2>/dev/null
issue rsa ca localhost "$here"
issue inter ca inter "basicConstraints=critical,CA:true"
configure inter
issue leaf inter localhost "$here"
cat leaf.pem inter.pem >chain.pem
cp leaf.key chain.key
new_key self-signed
openssl req -x509 -new -key self-signed.key -subj "/CN=localhost" -addext "$here" -days 30 \
    -out self-signed.pem 2>/dev/null
openssl ca -config ca.cnf -gencrl -crl_lastupdate 20200101000000Z \
    -crl_nextupdate 20200102000000Z -out old-crl.pem 2>/dev/null
openssl ca -config ca.cnf -revoke revoked.pem 2>/dev/null
openssl ca -config ca.cnf -gencrl -out crl.pem 2>/dev/null
openssl ec -in server.key -aes128 -passout pass:sesame -out secret.key 2>/dev/null

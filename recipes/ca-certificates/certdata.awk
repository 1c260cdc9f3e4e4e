# certdata.txt of NSS to PEM: the certificates trusted for servers, in the order of the file. Certificate and trust are two
# objects, which belong together by issuer and serial number. `-v sums=FILE`: the SHA-1 sums the file states for them.
# Distrust from some date on (CKA_NSS_SERVER_DISTRUST_AFTER) cannot be said in PEM: such certificates are included.

BEGIN {
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
}

/^BEGINDATA/ { data = 1; next }
!data || /^#/ || /^$/ { next }
octal != "" && /^END/ { octal = ""; next }
octal != "" { value[octal] = value[octal] $0; next }
$1 == "CKA_CLASS" { finish(); split("", value) }
$2 == "MULTILINE_OCTAL" { octal = $1; next }
{ value[$1] = $3 }

END {
    finish()
    for (i = 1; i <= count; i++) {
        if (!(order[i] in trusted)) continue
        print "-----BEGIN CERTIFICATE-----"
        base64(der[order[i]])
        print "-----END CERTIFICATE-----"
        print hex(trusted[order[i]]) > sums
    }
}

function finish(key) {
    key = value["CKA_ISSUER"] value["CKA_SERIAL_NUMBER"]
    if (value["CKA_CLASS"] == "CKO_CERTIFICATE") {
        order[++count] = key
        der[key] = value["CKA_VALUE"]
    } else if (value["CKA_CLASS"] == "CKO_NSS_TRUST" && value["CKA_TRUST_SERVER_AUTH"] == "CKT_NSS_TRUSTED_DELEGATOR")
        trusted[key] = value["CKA_CERT_SHA1_HASH"]
}

# The byte at `at` of `\060\202…`, counted from 0.
function byte(text, at) {
    at = at * 4 + 2
    return substr(text, at, 1) * 64 + substr(text, at + 1, 1) * 8 + substr(text, at + 2, 1)
}

function base64(text, size, at, bits, line, left) {
    size = length(text) / 4
    for (at = 0; at < size; at += 3) {
        left = size - at
        bits = byte(text, at) * 65536 + (left > 1 ? byte(text, at + 1) * 256 : 0) + (left > 2 ? byte(text, at + 2) : 0)
        line = line digit(bits / 262144) digit(bits / 4096) (left > 1 ? digit(bits / 64) : "=") (left > 2 ? digit(bits) : "=")
        if (length(line) == 64) {
            print line
            line = ""
        }
    }
    if (line != "") print line
}

function digit(bits) {
    return substr(digits, int(bits) % 64 + 1, 1)
}

function hex(text, at, out) {
    for (at = 0; at < length(text) / 4; at++) out = out sprintf("%02x", byte(text, at))
    return out
}

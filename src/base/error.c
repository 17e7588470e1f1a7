/* Names and sentences for failure codes.
 *
 * errno's are a table of our own, in libc's words: strerror() depends on the locale, writes to a
 * buffer that threads share, and has no names.  Nothing here changes after the program starts. */
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <yibu/error.h>

typedef struct yb_error_text {
    const char *name, *sentence;
} yb_error_text;

/* By errno. */
static const yb_error_text errno_texts[] = {
    [EPERM] = {"EPERM", "Operation not permitted"},
    [ENOENT] = {"ENOENT", "No such file or directory"},
    [ESRCH] = {"ESRCH", "No such process"},
    [EINTR] = {"EINTR", "Interrupted system call"},
    [EIO] = {"EIO", "Input/output error"},
    [ENXIO] = {"ENXIO", "No such device or address"},
    [E2BIG] = {"E2BIG", "Argument list too long"},
    [ENOEXEC] = {"ENOEXEC", "Exec format error"},
    [EBADF] = {"EBADF", "Bad file descriptor"},
    [ECHILD] = {"ECHILD", "No child processes"},
    [EAGAIN] = {"EAGAIN", "Resource temporarily unavailable"},
    [ENOMEM] = {"ENOMEM", "Cannot allocate memory"},
    [EACCES] = {"EACCES", "Permission denied"},
    [EFAULT] = {"EFAULT", "Bad address"},
    [ENOTBLK] = {"ENOTBLK", "Block device required"},
    [EBUSY] = {"EBUSY", "Device or resource busy"},
    [EEXIST] = {"EEXIST", "File exists"},
    [EXDEV] = {"EXDEV", "Invalid cross-device link"},
    [ENODEV] = {"ENODEV", "No such device"},
    [ENOTDIR] = {"ENOTDIR", "Not a directory"},
    [EISDIR] = {"EISDIR", "Is a directory"},
    [EINVAL] = {"EINVAL", "Invalid argument"},
    [ENFILE] = {"ENFILE", "Too many open files in system"},
    [EMFILE] = {"EMFILE", "Too many open files"},
    [ENOTTY] = {"ENOTTY", "Inappropriate ioctl for device"},
    [ETXTBSY] = {"ETXTBSY", "Text file busy"},
    [EFBIG] = {"EFBIG", "File too large"},
    [ENOSPC] = {"ENOSPC", "No space left on device"},
    [ESPIPE] = {"ESPIPE", "Illegal seek"},
    [EROFS] = {"EROFS", "Read-only file system"},
    [EMLINK] = {"EMLINK", "Too many links"},
    [EPIPE] = {"EPIPE", "Broken pipe"},
    [EDOM] = {"EDOM", "Numerical argument out of domain"},
    [ERANGE] = {"ERANGE", "Numerical result out of range"},
    [EDEADLK] = {"EDEADLK", "Resource deadlock avoided"},
    [ENAMETOOLONG] = {"ENAMETOOLONG", "File name too long"},
    [ENOLCK] = {"ENOLCK", "No locks available"},
    [ENOSYS] = {"ENOSYS", "Function not implemented"},
    [ENOTEMPTY] = {"ENOTEMPTY", "Directory not empty"},
    [ELOOP] = {"ELOOP", "Too many levels of symbolic links"},
    [ENOMSG] = {"ENOMSG", "No message of desired type"},
    [EIDRM] = {"EIDRM", "Identifier removed"},
    [ECHRNG] = {"ECHRNG", "Channel number out of range"},
    [EL2NSYNC] = {"EL2NSYNC", "Level 2 not synchronized"},
    [EL3HLT] = {"EL3HLT", "Level 3 halted"},
    [EL3RST] = {"EL3RST", "Level 3 reset"},
    [ELNRNG] = {"ELNRNG", "Link number out of range"},
    [EUNATCH] = {"EUNATCH", "Protocol driver not attached"},
    [ENOCSI] = {"ENOCSI", "No CSI structure available"},
    [EL2HLT] = {"EL2HLT", "Level 2 halted"},
    [EBADE] = {"EBADE", "Invalid exchange"},
    [EBADR] = {"EBADR", "Invalid request descriptor"},
    [EXFULL] = {"EXFULL", "Exchange full"},
    [ENOANO] = {"ENOANO", "No anode"},
    [EBADRQC] = {"EBADRQC", "Invalid request code"},
    [EBADSLT] = {"EBADSLT", "Invalid slot"},
    [EBFONT] = {"EBFONT", "Bad font file format"},
    [ENOSTR] = {"ENOSTR", "Device not a stream"},
    [ENODATA] = {"ENODATA", "No data available"},
    [ETIME] = {"ETIME", "Timer expired"},
    [ENOSR] = {"ENOSR", "Out of streams resources"},
    [ENONET] = {"ENONET", "Machine is not on the network"},
    [ENOPKG] = {"ENOPKG", "Package not installed"},
    [EREMOTE] = {"EREMOTE", "Object is remote"},
    [ENOLINK] = {"ENOLINK", "Link has been severed"},
    [EADV] = {"EADV", "Advertise error"},
    [ESRMNT] = {"ESRMNT", "Srmount error"},
    [ECOMM] = {"ECOMM", "Communication error on send"},
    [EPROTO] = {"EPROTO", "Protocol error"},
    [EMULTIHOP] = {"EMULTIHOP", "Multihop attempted"},
    [EDOTDOT] = {"EDOTDOT", "RFS specific error"},
    [EBADMSG] = {"EBADMSG", "Bad message"},
    [EOVERFLOW] = {"EOVERFLOW", "Value too large for defined data type"},
    [ENOTUNIQ] = {"ENOTUNIQ", "Name not unique on network"},
    [EBADFD] = {"EBADFD", "File descriptor in bad state"},
    [EREMCHG] = {"EREMCHG", "Remote address changed"},
    [ELIBACC] = {"ELIBACC", "Can not access a needed shared library"},
    [ELIBBAD] = {"ELIBBAD", "Accessing a corrupted shared library"},
    [ELIBSCN] = {"ELIBSCN", ".lib section in a.out corrupted"},
    [ELIBMAX] = {"ELIBMAX", "Attempting to link in too many shared libraries"},
    [ELIBEXEC] = {"ELIBEXEC", "Cannot exec a shared library directly"},
    [EILSEQ] = {"EILSEQ", "Invalid or incomplete multibyte or wide character"},
    [ERESTART] = {"ERESTART", "Interrupted system call should be restarted"},
    [ESTRPIPE] = {"ESTRPIPE", "Streams pipe error"},
    [EUSERS] = {"EUSERS", "Too many users"},
    [ENOTSOCK] = {"ENOTSOCK", "Socket operation on non-socket"},
    [EDESTADDRREQ] = {"EDESTADDRREQ", "Destination address required"},
    [EMSGSIZE] = {"EMSGSIZE", "Message too long"},
    [EPROTOTYPE] = {"EPROTOTYPE", "Protocol wrong type for socket"},
    [ENOPROTOOPT] = {"ENOPROTOOPT", "Protocol not available"},
    [EPROTONOSUPPORT] = {"EPROTONOSUPPORT", "Protocol not supported"},
    [ESOCKTNOSUPPORT] = {"ESOCKTNOSUPPORT", "Socket type not supported"},
    [EOPNOTSUPP] = {"EOPNOTSUPP", "Operation not supported"},
    [EPFNOSUPPORT] = {"EPFNOSUPPORT", "Protocol family not supported"},
    [EAFNOSUPPORT] = {"EAFNOSUPPORT", "Address family not supported by protocol"},
    [EADDRINUSE] = {"EADDRINUSE", "Address already in use"},
    [EADDRNOTAVAIL] = {"EADDRNOTAVAIL", "Cannot assign requested address"},
    [ENETDOWN] = {"ENETDOWN", "Network is down"},
    [ENETUNREACH] = {"ENETUNREACH", "Network is unreachable"},
    [ENETRESET] = {"ENETRESET", "Network dropped connection on reset"},
    [ECONNABORTED] = {"ECONNABORTED", "Software caused connection abort"},
    [ECONNRESET] = {"ECONNRESET", "Connection reset by peer"},
    [ENOBUFS] = {"ENOBUFS", "No buffer space available"},
    [EISCONN] = {"EISCONN", "Transport endpoint is already connected"},
    [ENOTCONN] = {"ENOTCONN", "Transport endpoint is not connected"},
    [ESHUTDOWN] = {"ESHUTDOWN", "Cannot send after transport endpoint shutdown"},
    [ETOOMANYREFS] = {"ETOOMANYREFS", "Too many references: cannot splice"},
    [ETIMEDOUT] = {"ETIMEDOUT", "Connection timed out"},
    [ECONNREFUSED] = {"ECONNREFUSED", "Connection refused"},
    [EHOSTDOWN] = {"EHOSTDOWN", "Host is down"},
    [EHOSTUNREACH] = {"EHOSTUNREACH", "No route to host"},
    [EALREADY] = {"EALREADY", "Operation already in progress"},
    [EINPROGRESS] = {"EINPROGRESS", "Operation now in progress"},
    [ESTALE] = {"ESTALE", "Stale file handle"},
    [EUCLEAN] = {"EUCLEAN", "Structure needs cleaning"},
    [ENOTNAM] = {"ENOTNAM", "Not a XENIX named type file"},
    [ENAVAIL] = {"ENAVAIL", "No XENIX semaphores available"},
    [EISNAM] = {"EISNAM", "Is a named type file"},
    [EREMOTEIO] = {"EREMOTEIO", "Remote I/O error"},
    [EDQUOT] = {"EDQUOT", "Disk quota exceeded"},
    [ENOMEDIUM] = {"ENOMEDIUM", "No medium found"},
    [EMEDIUMTYPE] = {"EMEDIUMTYPE", "Wrong medium type"},
    [ECANCELED] = {"ECANCELED", "Operation canceled"},
    [ENOKEY] = {"ENOKEY", "Required key not available"},
    [EKEYEXPIRED] = {"EKEYEXPIRED", "Key has expired"},
    [EKEYREVOKED] = {"EKEYREVOKED", "Key has been revoked"},
    [EKEYREJECTED] = {"EKEYREJECTED", "Key was rejected by service"},
    [EOWNERDEAD] = {"EOWNERDEAD", "Owner died"},
    [ENOTRECOVERABLE] = {"ENOTRECOVERABLE", "State not recoverable"},
    [ERFKILL] = {"ERFKILL", "Operation not possible due to RF-kill"},
    [EHWPOISON] = {"EHWPOISON", "Memory page has hardware error"},
};

/* Beside errno: by how far below YIBU_ENOTASK. */
static const yb_error_text own_texts[] = {
    {"YIBU_ENOTASK", "The call suspends, and its caller is not a task of a running loop"},
    {"YIBU_EFORKED", "The runtime was inherited through fork and cannot be used here"},
    {"YIBU_ESHUTDOWN", "The queue, pool or loop was shut down"},
    {"YIBU_EWORKER", "The worker process running the job died"},
    {"YIBU_ENOJOB", "The worker does not know a job of that name"},
    {"YIBU_EBUSY", "The object is in use by a running loop"},
    {"YIBU_EBROKEN", "The barrier is broken"},
    {"YIBU_EINCOMPLETE", "The stream ended before all that was asked for had come"},
    {"YIBU_ELIMIT", "The separator did not come within the stream's limit"},
    {"YIBU_EBROKENPOOL", "The pool's workers cannot be set up"},
    {"YIBU_ENOTHREAD", "Not a function that runs on a thread for a loop"},
};

/* Name resolution: by how far below YIBU_EAI_AGAIN. */
static const yb_error_text resolver_texts[] = {
    {"YIBU_EAI_AGAIN", "Temporary failure in name resolution"},
    {"YIBU_EAI_BADFLAGS", "Bad flags for name resolution"},
    {"YIBU_EAI_FAIL", "Non-recoverable failure in name resolution"},
    {"YIBU_EAI_FAMILY", "Address family not supported for name resolution"},
    {"YIBU_EAI_NONAME", "Name or service not known"},
    {"YIBU_EAI_SERVICE", "Service not supported for the socket type"},
    {"YIBU_EAI_SOCKTYPE", "Socket type not supported for name resolution"},
    {"YIBU_EAI_OTHER", "Other failure of the resolver"},
};

enum { ADAPTER_CODES = 4096 };

static const yb_error_text adapter_text = {"YIBU_EADAPTER", "Failure in an adapted library"};

#define LENGTH(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

/* The entry of a table whose first code is first, or NULL. */
static const yb_error_text *entry(const yb_error_text *table, size_t length, intptr_t first,
                                  intptr_t code)
{
    if (code > first || (size_t)(first - code) >= length)
        return NULL;
    const yb_error_text *text = &table[first - code];
    return text->name ? text : NULL;
}

static const yb_error_text *find(intptr_t code)
{
    if (!yibu_failed(code))
        return NULL;
    if (code > YIBU_ENOTASK)
        return entry(errno_texts, LENGTH(errno_texts), 0, code);
    if (code > YIBU_EAI_AGAIN)
        return entry(own_texts, LENGTH(own_texts), YIBU_ENOTASK, code);
    if (code > YIBU_EADAPTER)
        return entry(resolver_texts, LENGTH(resolver_texts), YIBU_EAI_AGAIN, code);
    return code > YIBU_EADAPTER - ADAPTER_CODES ? &adapter_text : NULL;
}

const char *yibu_strerror(intptr_t code)
{
    const yb_error_text *text = find(code);
    if (text)
        return text->sentence;
    return yibu_failed(code) ? "Unknown error" : "Success";
}

const char *yibu_error_name(intptr_t code)
{
    const yb_error_text *text = find(code);
    return text ? text->name : "EUNKNOWN";
}

int yibu_eai_error(int error)
{
    switch (error) {
    case 0:
        return 0;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return errno ? -errno : YIBU_EAI_OTHER;
    case EAI_AGAIN:
        return YIBU_EAI_AGAIN;
    case EAI_BADFLAGS:
        return YIBU_EAI_BADFLAGS;
    case EAI_FAIL:
        return YIBU_EAI_FAIL;
    case EAI_FAMILY:
        return YIBU_EAI_FAMILY;
    case EAI_NONAME:
    case EAI_NODATA: /* RFC 3493 has dropped these two in favour of EAI_NONAME */
    case EAI_ADDRFAMILY:
        return YIBU_EAI_NONAME;
    case EAI_SERVICE:
        return YIBU_EAI_SERVICE;
    case EAI_SOCKTYPE:
        return YIBU_EAI_SOCKTYPE;
    case EAI_OVERFLOW:
        return -ENOSPC;
    default:
        return YIBU_EAI_OTHER;
    }
}

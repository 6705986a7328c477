# Patterns know `*` and `?`; brackets stand for themselves, as with BuildKit.
test "$A $B $C $D $E" = "archive-1.2.tar archive-1 1.2.tar.gz gz file-1.2.tar.gz" &&
    test "$F" = archive-1.2.tar.gzarchive-1_2_tar_gz || { echo "$A $B $C $D $E $F"; exit 1; }

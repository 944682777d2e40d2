import { getHeader, hasHeader } from './headers.ts';
import type { HeaderList } from './headers.ts';

/** Media types whose bytes are compressed by their own format. */
const COMPRESSED_TYPE =
  /^(?:image\/(?!svg\+xml|bmp|x-ms-bmp|vnd\.microsoft\.icon|x-icon)|video\/|audio\/(?!wav|x-wav|midi)|font\/woff2?$|application\/(?:x-)?(?:zip|gzip|bzip2?|xz|zstd|7z-compressed|rar-compressed|vnd\.rar|brotli|lz4|snappy-framed|compress|apache\.parquet|vnd\.apache\.(?:parquet|orc|avro)|parquet|java-archive|pdf|font-woff2?|epub\+zip|vnd\.openxmlformats-officedocument\..*|vnd\.oasis\.opendocument\..*|vnd\.android\.package-archive)$)/;

/**
 * Whether zstd is worth a try on a stored body: not when it has a content coding or its type is compressed by nature.
 * True where nothing is known (`application/octet-stream`, no type): the frame's encoder keeps what does not shrink.
 */
export function isCompressible(headers: HeaderList): boolean {
  const coding = getHeader(headers, 'content-encoding');
  if (hasHeader(headers, 'content-encoding') && coding?.toLowerCase() !== 'identity') return false;
  const [type = ''] = (getHeader(headers, 'content-type') ?? '').split(';', 1);
  return !COMPRESSED_TYPE.test(type.trim().toLowerCase());
}

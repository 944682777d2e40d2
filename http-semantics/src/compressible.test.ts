import { expect, test } from 'vitest';
import { isCompressible } from './compressible.ts';

test('bodies that are compressed already are not compressed again', () => {
  const types = [
    'image/png',
    'IMAGE/JPEG',
    'video/mp4',
    'audio/mpeg',
    'application/zip',
    'application/gzip',
    'application/x-gzip',
    'application/zstd',
    'application/vnd.apache.parquet',
    'application/x-7z-compressed',
    'font/woff2',
    'application/pdf; x=1',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  ];
  for (const type of types) expect(isCompressible([['Content-Type', type]]), type).toBe(false);
  for (const coding of ['gzip', 'br', 'zstd', 'x', '']) {
    expect(
      isCompressible([
        ['Content-Type', 'text/plain'],
        ['Content-Encoding', coding],
      ]),
    ).toBe(false);
  }
});

test('everything else is worth a try', () => {
  const types = [
    'application/json; charset=utf-8',
    'text/html',
    'image/svg+xml',
    'image/bmp',
    'application/octet-stream',
    'audio/wav',
    'application/zipper',
    'x',
    '',
  ];
  for (const type of types) expect(isCompressible([['Content-Type', type]]), type).toBe(true);
  expect(isCompressible([])).toBe(true);
  expect(isCompressible([['Content-Encoding', 'Identity']])).toBe(true);
});

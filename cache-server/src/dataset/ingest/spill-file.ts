/** Records that do not fit into memory for now: one file without a name, gone with its process whatever ends it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeLayout, encodeLayout, recordsOf, rowsIn } from '@pannier/proto/partition-format';
import type { RecordColumns, RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';

/** Where some records lie in the file, in bytes. */
export interface SpilledBlock {
  readonly offset: number;
  readonly bytes: number;
  readonly records: number;
}

/** A file that only grows. */
export class SpillFile {
  readonly #bytesMax: number;
  #handle: Promise<FileHandle> | undefined;
  #end = 0;

  /** @param bytesMax how long it may grow */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Length in bytes. */
  get bytes(): number {
    return this.#end;
  }

  /** @throws DatasetError `limit-exceeded` when the file would grow too long; the system's error when the disk is full */
  async append(records: RecordColumns): Promise<SpilledBlock> {
    const content = encodeLayout(records);
    const offset = this.#end;
    if (offset + content.length > this.#bytesMax) {
      throw new DatasetError(
        'limit-exceeded',
        `the records that wait on disk are over limits.decompressedBytesMax ${this.#bytesMax}`,
      );
    }
    this.#end += content.length;
    this.#handle ??= openUnnamed();
    const handle = await this.#handle;
    for (let written = 0; written < content.length;) {
      const { bytesWritten } = await handle.write(
        content,
        written,
        content.length - written,
        offset + written,
      );
      written += bytesWritten;
    }
    return { offset, bytes: content.length, records: rowsIn(records) };
  }

  async read(block: SpilledBlock): Promise<RecordValue[]> {
    return recordsOf(await this.readColumns(block));
  }

  async readColumns({ offset, bytes }: SpilledBlock): Promise<RecordColumns> {
    const handle = await this.#handle;
    const content = Buffer.allocUnsafe(bytes);
    for (let at = 0; at < bytes;) {
      const { bytesRead } = (await handle?.read(content, at, bytes - at, offset + at)) ?? { bytesRead: 0 };
      if (bytesRead === 0) throw new Error('the spill file is shorter than what was written to it');
      at += bytesRead;
    }
    return decodeLayout(content);
  }

  async close(): Promise<void> {
    const handle = await this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }
}

async function openUnnamed(): Promise<FileHandle> {
  const folder = mkdtempSync(join(tmpdir(), 'pannier-ingest-'));
  try {
    return await open(join(folder, 'records'), 'w+', 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

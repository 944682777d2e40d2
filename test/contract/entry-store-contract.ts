import { describe, test } from 'vitest';
import { frameContract } from './frame-contract.ts';
import { listingContract } from './listing-contract.ts';
import { manifestContract } from './manifest-contract.ts';
import type { OpenStore } from './store-harness.ts';
import { compareWithModel } from './store-model.ts';
import { versionContract } from './version-contract.ts';

const CHAPTERS = {
  manifests: manifestContract,
  versions: versionContract,
  frames: frameContract,
  listing: listingContract,
};

/** Declares the tests that every {@link OpenStore | EntryStore} passes; each runs on an empty store of its own. */
export function entryStoreContract(name: string, open: OpenStore): void {
  describe(name, () => {
    for (const [chapter, tests] of Object.entries(CHAPTERS)) {
      describe(chapter, () => {
        for (const [title, body] of Object.entries(tests)) {
          test(title, async () => {
            const under = await open();
            try {
              await body(under);
            } finally {
              await under.close();
            }
          });
        }
      });
    }

    test('random operations answer as plain maps do', async () => {
      await compareWithModel(open, 60);
    });
  });
}

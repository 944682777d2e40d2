/** Every e2e file about entries runs on both stores. */
export const STORES = ['embedded', 'redis'] as const;

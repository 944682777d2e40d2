/** What can be wrong with a dataset's document, or with what an operator declared for it. */

/** Closed list of codes. */
export type DatasetErrorCode =
  /** The document is not what was declared: malformed, cut short, not a list, a record over a limit. */
  | 'bad-document'
  /** The operator's expression or module failed, or did not return. */
  | 'bad-rule'
  /** A named limit was reached. */
  | 'limit-exceeded'
  /** A query names a field or a partition that is not there, or cannot be answered. */
  | 'bad-query';

/** A failure that names its place: record number, line, strategy, field or limit. Upstream and endpoint are added by the story. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';
  readonly code: DatasetErrorCode;

  constructor(code: DatasetErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

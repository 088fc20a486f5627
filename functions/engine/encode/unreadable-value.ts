/** A value's text is not what its type can have. Carries no value; whoever knows stream and column turns it into `value-unreadable`. */
export class UnreadableValueError extends Error {
  constructor() {
    super('text that its type cannot have');
    this.name = 'UnreadableValueError';
  }
}

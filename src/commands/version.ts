// The version of the program; a test holds it equal to package.json's, which an installed program does not have.

export const VERSION = '0.1.0';

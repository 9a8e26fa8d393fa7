import { closeSharedAfterFile } from './shared-in-file.ts';

// A setup file runs anew for each test file, also where the files of a worker share their modules.
closeSharedAfterFile();

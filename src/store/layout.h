/*
 * layout - names and sizes inside a results file, for the files of this room.
 *
 * Names are relative to the group of a stage, which for a plain job is the root. So a stage has a tree of its own, of one
 * form: fields, status and seconds in it, and in the group below all that Sheaf keeps of it: identity, notes of what is in
 * flight, messages, sums, runs, and the token that names its journals of texts.
 */
#ifndef SHEAF_STORE_LAYOUT_H
#define SHEAF_STORE_LAYOUT_H

/* 4: rows have sums, which who goes on with a file must write; 5: items may have several dimensions, and no copies of swept
   inputs. */
#define LAYOUT_VERSION 5
#define LAYOUT_OLDEST 3 /* that can be gone on with: some have no sums */
#define LAYOUT_CUBES 5  /* since then results of a grid have the dimensions of its axes */

#define GROUP "sheaf"
/* At the root of the file of a job with stages, uint8[n_bytes]: a line for each stage, in the order in which they run. There
   the group has nothing else but JOB_TEXT and the attributes "layout" and "version". */
#define STAGES_TEXT GROUP "/stages"
/* Texts, as uint8[n_bytes] UTF-8: what is written once and never followed through HDF5's heap survives damage there. */
#define JOB_TEXT GROUP "/job"
#define IDENTITY_TEXT GROUP "/identity"
#define LABELS_TEXT GROUP "/labels"       /* store/labels.h */
#define ARGUMENTS_TEXT GROUP "/arguments" /* how the run was called that made the file; in newer ones */
#define FILES_TEXT                                                                                                     \
    GROUP "/files"                            /* core/known.h: a line for each file, as it was when this one was made;
                                                 in some files */
#define ERROR_ITEM GROUP "/errors/item"       /* int64[most], -1 where unused */
#define ERROR_MESSAGE GROUP "/errors/message" /* uint8[most][FAILURE_BYTES] */
#define IN_FLIGHT GROUP "/in_flight"          /* int64[FLIGHTS_MOST][FLIGHT_WIDTH], plan/flight.h */
#define BOOT GROUP "/boot"                    /* uint8[BOOT_BYTES] core/boot.h: of the machine that wrote last */
#define LIVES GROUP "/lives"                  /* uint8[LIVES_MOST], a mark for each rank, plan/flight.h */
#define TEXTS GROUP "/texts"                  /* uint8[TEXTS_MARKS] store/texts.h: where they are */
#define PROOF_GROUP GROUP "/input_segments"
#define PROOF PROOF_GROUP "/"                    /* and a field: uint64[n] plan/proof.h, where items are in segments */
#define INPUT_PRINTS GROUP "/input_prints"       /* uint64[n_items][2] store/prints.h: where the kernel takes texts */
#define COORDINATES GROUP "/coordinates"         /* and a name: uint64[1] store/coordinates.h */
#define REDUCTIONS GROUP "/reductions"           /* of each the counts */
#define REDUCED GROUP "/reduced"                 /* uint8[1]: whether they are those of the rows that are there */
#define SUSPECTS GROUP "/suspects"               /* int64[SUSPECTS_MOST][SUSPECT_WIDTH] */
#define SUMS GROUP "/sums"                       /* uint64[SEGMENT_PARTS][n_segments] plan/segments.h, in newer files */
#define SUMS_SIZE "items_per_segment"            /* attribute of it, int64 */
#define SUMS_TURN GROUP "/sums_turn"             /* uint64[1] store/sums.h */
#define TEXT_SUMS GROUP "/text_sums"             /* uint64[n_items] plan/text_sums.h: of outputs that are texts, */
#define INPUT_TEXT_SUMS GROUP "/input_text_sums" /* and of copied inputs; in newer files that have such */
#define TOKEN_NAME "token"                       /* attribute of the group, uint64: a number of this file's own */
#define ATTEMPTS_NAME "attempts"                 /* uint8[n_items], in some files */
#define ORIGIN_NAME "origin"                     /* uint8[n_items] where rows were taken over: from which file */
#define ITEM_SECONDS "seconds"                   /* float32[n_items], where a block is an item, or of layout 2 */
#define BLOCK_SECONDS GROUP "/seconds"           /* float32[n_blocks], where it has several */
#define BLOCK_DIMENSION GROUP "/block"

#define SUFFIX_LOCK ".lock" /* of the file that keeps runs apart */
#define SUFFIX_NEW ".new"   /* of a results file that is not yet published */
#define SUFFIX_PACK ".pack" /* of the copy that texts are packed into */

/* Rows of the tables: bounded, and reserved when the file is made. */
enum { ERRORS_MOST = 10000, RUNS_MOST = 1000 };

#endif
